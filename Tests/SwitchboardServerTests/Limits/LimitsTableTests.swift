import Foundation
import Testing

@testable import SwitchboardServer

/// docs/limits.md against the settings, the metrics, the codes and the tests that it names.
@Suite struct LimitsTableTests {
    private struct Row {
        let limit, value, setting, consequence, metric, test: String
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..")

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    private static func rows() throws -> [Row] {
        try text("docs/limits.md").split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard line.hasPrefix("| "), cells.count == 6, cells[0] != "limit" else { return nil }
            return Row(
                limit: cells[0], value: cells[1], setting: cells[2], consequence: cells[3], metric: cells[4],
                test: cells[5])
        }
    }

    /// What stands between backquotes.
    private static func quoted(_ cell: String) -> [String] {
        cell.split(separator: "`", omittingEmptySubsequences: false).enumerated().compactMap {
            $0.offset.isMultiple(of: 2) ? nil : String($0.element)
        }
    }

    @Test func everySettingIsOneWithItsDefault() throws {
        let rows = try Self.rows()
        #expect(rows.count > 40)
        for row in rows {
            let names = Self.quoted(row.setting)
            let settings = names.compactMap { name in Setting.all.first { $0.name == name } }
            #expect(settings.count == names.count, "\(row.limit): one of \(names) is no setting")
            guard !settings.isEmpty else { continue }
            #expect(Self.quoted(row.value) == settings.map(\.defaultText), "\(row.limit): the defaults")
        }
    }

    /// A setting that says what is refused has a row.
    @Test func everyLimitThatCanBeSetHasARow() throws {
        let listed = try Set(Self.rows().flatMap { Self.quoted($0.setting) })
        let limits = Setting.all.map(\.name).filter { name in
            name.hasPrefix("max") || name.hasSuffix("Limit") || name.hasSuffix("Bytes") || name.hasSuffix("Rate")
                || ["headTimeout", "bodyTimeout", "answerTimeout", "messageBurst", "outboundPushes"].contains(name)
        }
        // How fast and how long a node empties itself is no limit on anybody.
        let missing = Set(limits).subtracting(listed).subtracting(["drainRate", "drainLimit"])
        #expect(missing.isEmpty)
    }

    @Test func everyLimitIsCounted() throws {
        let metrics = try Self.rows().flatMap { Self.quoted($0.metric) }
        let operations = try Self.text("docs/operations.md")
        for metric in metrics {
            let name = metric.prefix { $0 != "{" }
            #expect(operations.contains("| `\(name)` |"), "\(name) is no metric")
        }
        let shown = metrics.compactMap { metric -> String? in
            let prefix = MetricCatalogue.limited.name + "{limit=\""
            return metric.hasPrefix(prefix) ? String(metric.dropFirst(prefix.count).dropLast(2)) : nil
        }
        #expect(Set(shown) == Set(Limit.allCases.map(\.rawValue)))
    }

    /// `413` `body_too_large`, `4102`: as openapi.yaml and protocol.md have them.
    @Test func everyCodeIsOne() throws {
        let problems = try Self.text("Sources/SwitchboardServer/API/openapi.yaml")
        let frames = try Self.text("docs/protocol.md")
        for row in try Self.rows() {
            let codes = Self.quoted(row.consequence)
            #expect(!codes.isEmpty || row.consequence.count > 3, "\(row.limit): what happens?")
            for (index, code) in codes.enumerated() {
                guard let number = Int(code) else {
                    #expect(problems.contains("`\(code)`") || frames.contains("`\(code)`"), "\(code) is no code")
                    continue
                }
                if number >= 1000 {
                    #expect(frames.contains("\(number)"), "\(number) is no close code")
                } else {
                    try #require(index + 1 < codes.count)
                    #expect(problems.contains("| `\(codes[index + 1])` | \(number) |"), "\(number) \(codes[index + 1])")
                }
            }
        }
    }

    @Test func everyTestIsThere() throws {
        for row in try Self.rows() {
            let tests = Self.quoted(row.test)
            #expect(!tests.isEmpty, "\(row.limit) has no test")
            for test in tests {
                let parts = test.components(separatedBy: "::")
                let source = try? Self.text("Tests/" + parts[0])
                let name = try #require(parts.count == 2 ? parts[1] : nil, "\(test) names no test")
                #expect(
                    source?.contains("def \(name)(") == true || source?.contains("func \(name)(") == true, "\(test)")
            }
        }
    }
}
