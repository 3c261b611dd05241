import SwitchboardProtocol

/// Rows with aligned columns; a column that is empty in every row is left out.
struct Table {
    private let heads: [String]
    private var rows: [[String]] = []

    init(_ heads: String...) {
        self.heads = heads
    }

    mutating func add(_ cells: String...) {
        rows.append(cells.map(\.withoutControls))
    }

    var lines: [String] {
        let shown = heads.indices.filter { column in rows.contains { !$0[column].isEmpty } }
        let widths = shown.map { column in
            ([heads] + rows).map { Self.width($0[column]) }.max() ?? 0
        }
        return ([heads] + rows).map { row in
            var line = ""
            for (column, width) in zip(shown, widths) {
                line += row[column] + String(repeating: " ", count: max(width - Self.width(row[column]), 0) + 2)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    func print() throws {
        for line in lines { try Output.line(line) }
    }

    private static func width(_ text: String) -> Int { text.count }
}
