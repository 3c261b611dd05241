import SwitchboardProtocol

/// Why a text is no rule, and what would be right: to follow "give".
public struct AlertRuleError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

extension AlertRule: CustomStringConvertible {
    /// Seconds.
    private static let longest = 86_400.0
    private static let maximumSegments = 8
    private static let maximumBytes = 128
    private static let form = "NAME: FIELD OP VALUE [for SECONDS] [amber or red]"

    /// - Throws: ``AlertRuleError``, in one line.
    public init(_ text: String) throws(AlertRuleError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw AlertRuleError("a rule with its name and a colon before it, as in 'hot: cpu > 0.9 for 30 amber'")
        }
        name = String(parts[0].drop { $0 == " " })
        guard Self.isName(name) else {
            throw AlertRuleError("the rule a name of 1 to 64 characters of A-Z a-z 0-9 . _ -")
        }
        var words = try Self.words(parts[1])[...]
        guard let field = words.popFirst() else { throw AlertRuleError("a condition: \(Self.form)") }
        condition = field == "offline" ? .offline : try Self.condition(field, &words)
        duration = try Self.duration(&words)
        switch words.popFirst() {
        case nil: level = .red
        case let word?:
            guard let level = AlertLevel(rawValue: word) else {
                throw AlertRuleError("amber or red instead of '\(word.prefix(bytes: 32))', as in \(Self.form)")
            }
            self.level = level
        }
        guard words.isEmpty else { throw AlertRuleError("nothing behind the level, as in \(Self.form)") }
    }

    /// The text that reads as this rule.
    public var description: String {
        var text = "\(name): "
        switch condition {
        case .offline: text += "offline"
        case .field(let path, let comparison, let value):
            text += "\(path.joined(separator: ".")) \(comparison.rawValue) "
            switch value {
            case .number(let number): text += number.plain
            case .text(let word): text += "\"\(word)\""
            }
        }
        if duration > 0 { text += " for \((Double(duration) / 1000).plain)" }
        return text + " \(level.rawValue)"
    }

    private static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// What spaces separate; a text in quotes is one word, quotes included.
    private static func words(_ text: Substring) throws(AlertRuleError) -> [String] {
        guard text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 }) else {
            throw AlertRuleError("the rule in one line, without control characters")
        }
        var words: [String] = []
        var rest = text.drop { $0 == " " }
        while let first = rest.first {
            let isQuoted = first == "\""
            var word = isQuoted ? rest.dropFirst().prefix { $0 != "\"" } : rest.prefix { $0 != " " }
            if isQuoted {
                guard word.endIndex < rest.endIndex else { throw AlertRuleError("the closing quote of the text") }
                word = rest[...word.endIndex]
            }
            words.append(String(word))
            rest = rest[word.endIndex...].drop { $0 == " " }
        }
        return words
    }

    private static func condition(
        _ field: String, _ words: inout ArraySlice<String>
    ) throws(AlertRuleError) -> Condition {
        let path = field.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard field.utf8.count <= maximumBytes, path.count <= maximumSegments, !path.contains(""),
            !field.contains("\"")
        else {
            throw AlertRuleError("a field such as cpu, memory.used or load.0 instead of '\(field.prefix(bytes: 64))'")
        }
        guard let sign = words.popFirst(), let comparison = Comparison(rawValue: sign) else {
            throw AlertRuleError("one of > >= < <= == != behind the field, with spaces around it")
        }
        guard let word = words.popFirst() else { throw AlertRuleError("a number or a text to compare with") }
        if let number = Double(word), number.isFinite { return .field(path, comparison, .number(number)) }
        let text = word.first == "\"" ? String(word.dropFirst().dropLast()) : word
        guard text.utf8.count <= maximumBytes else {
            throw AlertRuleError("a text of at most \(maximumBytes) bytes to compare with")
        }
        guard comparison == .equal || comparison == .unequal else {
            throw AlertRuleError("a number behind \(sign): texts are compared by == and !=")
        }
        return .field(path, comparison, .text(text))
    }

    private static func duration(_ words: inout ArraySlice<String>) throws(AlertRuleError) -> UInt64 {
        guard words.first == "for" else { return 0 }
        words.removeFirst()
        guard let word = words.popFirst(), let seconds = Double(word.last == "s" ? String(word.dropLast()) : word),
            (0...longest).contains(seconds)
        else { throw AlertRuleError("0 to 86400 seconds behind 'for'") }
        return UInt64((seconds * 1000).rounded())
    }
}

extension Double {
    /// A whole number without a fraction.
    fileprivate var plain: String { Int64(exactly: self).map { "\($0)" } ?? "\(self)" }
}
