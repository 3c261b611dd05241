/// One thing that a node can be told: a row of ``all``. Its flag, its environment variable, its key in a file, its help, its
/// line of `--print-config` and its row in docs/configuration.md all come from here.
public struct Setting: Sendable {
    /// How it is written on a command line.
    public enum Form: Sendable, Hashable {
        /// `--name PLACEHOLDER`
        case value(String)
        /// `--name PLACEHOLDER ...`
        case list(String)
        /// `--name` or `--no-name`
        case toggle
    }

    /// The key in a file: `outboundLimit`.
    public let name: String
    /// What it is for, in one line.
    public let help: String
    public let form: Form
    /// Its value is never shown.
    public let isSecret: Bool
    /// Its value, or a part of some values, is never shown.
    let mayBeSecret: Bool
    /// What not giving it means, when it has no value then.
    public let absence: String?
    /// The setting without which this one does nothing.
    let companions: [String]
    private let take: @Sendable ([String], inout NodeSettings) throws(WrongValue) -> Void
    private let text: @Sendable (NodeSettings) -> String?
    private let complaint: @Sendable (NodeSettings) -> WrongValue?
    private let redacts: @Sendable (NodeSettings) -> Bool

    /// Where a value goes.
    typealias Path<Value> = any WritableKeyPath<NodeSettings, Value> & Sendable

    /// - Parameters:
    ///   - path: Where the value goes; the value that is there at first is the default.
    ///   - companions: The names of the settings without any of which this one does nothing.
    init<Value>(
        _ name: String, _ kind: SettingKind<Value>, _ path: Path<Value>,
        _ help: String, isSecret: Bool = false, needs companions: String...
    ) {
        self.init(name, kind, path, help, absence: nil, isSecret: isSecret, companions: companions)
    }

    /// A setting that may have no value.
    ///
    /// - Parameter absence: What that means.
    init<Value>(
        _ name: String, _ kind: SettingKind<Value>, _ path: Path<Value?>,
        _ help: String, absence: String, isSecret: Bool = false, needs companions: String...
    ) {
        self.init(name, kind.optional(), path, help, absence: absence, isSecret: isSecret, companions: companions)
    }

    private init<Value>(
        _ name: String, _ kind: SettingKind<Value>, _ path: Path<Value>,
        _ help: String, absence: String?, isSecret: Bool, companions: [String]
    ) {
        self.name = name
        self.help = help
        self.form = kind.form
        self.absence = absence
        self.isSecret = isSecret
        mayBeSecret = isSecret || kind.mayRedact
        self.companions = companions
        take = { texts, settings throws(WrongValue) in
            let value = try kind.read(texts)
            guard kind.allows(value) else {
                throw WrongValue(kind.redacts(value) ? nil : texts.joined(separator: ","), rule: kind.rule)
            }
            settings[keyPath: path] = value
        }
        text = { kind.show($0[keyPath: path]) }
        redacts = { isSecret || kind.redacts($0[keyPath: path]) }
        complaint = { settings in
            let value = settings[keyPath: path]
            return kind.allows(value)
                ? nil : WrongValue(kind.redacts(value) ? nil : kind.show(value), rule: kind.rule)
        }
    }

    /// The flag without its dashes: `outbound-limit`.
    public var flag: String { words.joined(separator: "-") }
    /// `SWITCHBOARD_OUTBOUND_LIMIT`
    public var environmentName: String { Self.environmentPrefix + words.joined(separator: "_").uppercased() }
    /// What is in force when nothing is given.
    public var defaultText: String {
        let text = absence ?? text(NodeSettings()) ?? ""
        return text.isEmpty ? "none" : text
    }

    static let environmentPrefix = "SWITCHBOARD_"

    /// The lower-case words of the name; a run of capitals is one word: `mailboxTTL` is `mailbox`, `ttl`.
    private var words: [String] {
        var words = [""]
        var wasLowercase = false
        for character in name {
            if character.isUppercase, wasLowercase { words.append("") }
            wasLowercase = !character.isUppercase
            words[words.count - 1] += character.lowercased()
        }
        return words
    }

    /// Reads a value into the settings.
    ///
    /// - Parameters:
    ///   - texts: One, unless it is a list.
    ///   - key: The setting, spelled as it was given.
    func read(_ texts: [String], key: String, into settings: inout NodeSettings) throws(ServerConfiguration.Problem) {
        do throws(WrongValue) { try take(texts, &settings) } catch {
            throw error.problem(of: key, isSecret: isSecret)
        }
    }

    /// A text that reads as the value in force, but for what is secret; nil when there is no value.
    func value(in settings: NodeSettings) -> (text: String, isComplete: Bool)? {
        guard let text = text(settings) else { return nil }
        return (isSecret ? "(hidden)" : text, !redacts(settings))
    }

    /// Whether the value in force has something secret.
    func isSecret(in settings: NodeSettings) -> Bool { !isDefault(in: settings) && redacts(settings) }

    /// Checks the value in force.
    func check(_ settings: NodeSettings) throws(ServerConfiguration.Problem) {
        if let wrong = complaint(settings) { throw wrong.problem(of: name, isSecret: isSecret) }
    }

    func isDefault(in settings: NodeSettings) -> Bool { text(settings) == text(NodeSettings()) }
}
