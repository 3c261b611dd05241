/// Finds what was meant by a misspelled name.
enum NearestName {
    /// - Returns: the candidate that is nearest to `name`, whatever its case and separators; nil when none is near.
    static func of(_ name: String, among candidates: [String]) -> String? {
        let wanted = plain(name)
        let distances = candidates.map { ($0, distance(wanted, plain($0))) }
        guard let (nearest, distance) = distances.min(by: { $0.1 < $1.1 }) else { return nil }
        return distance <= max(1, wanted.count / 3) ? nearest : nil
    }

    private static func plain(_ name: String) -> [Character] {
        name.prefix(100).lowercased().filter { $0.isLetter || $0.isNumber }.map { $0 }
    }

    /// How many letters have to be added, left out, replaced or swapped with their neighbour (optimal string alignment).
    private static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var before: [Int] = []
        var above = Array(0...right.count)
        for (row, letter) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                var best = min(above[column + 1] + 1, current[column] + 1, above[column] + (letter == other ? 0 : 1))
                if row > 0, column > 0, letter == right[column - 1], left[row - 1] == other {
                    best = min(best, before[column - 1] + 1)
                }
                current.append(best)
            }
            (before, above) = (above, current)
        }
        return above[right.count]
    }
}
