/// What a value looks like on the way in and out, and which values are allowed.
struct SettingKind<Value: Sendable>: Sendable {
    let form: Setting.Form
    /// What is right, to follow "give".
    let rule: String
    let read: @Sendable ([String]) throws(WrongValue) -> Value
    /// A text that reads as the same value; nil for none.
    let show: @Sendable (Value) -> String?
    let allows: @Sendable (Value) -> Bool
    /// Whether `show` leaves out something secret.
    let redacts: @Sendable (Value) -> Bool
    /// Whether there are such values.
    let mayRedact: Bool

    /// A kind that is written as one text.
    ///
    /// - Parameters:
    ///   - parse: nil for a text that is no such value; it throws when it knows better than the rule what is right.
    init(
        _ form: Setting.Form, rule: String, show: @escaping @Sendable (Value) -> String? = { "\($0)" },
        allows: @escaping @Sendable (Value) -> Bool = { _ in true },
        redacts: (@Sendable (Value) -> Bool)? = nil,
        parse: @escaping @Sendable (String) throws(WrongValue) -> Value?
    ) {
        self.init(
            form: form, rule: rule, show: show, allows: allows, redacts: redacts ?? { _ in false },
            mayRedact: redacts != nil,
            read: { texts throws(WrongValue) in
                let text = texts.joined(separator: ",")
                guard let value = try parse(text) else { throw WrongValue(text, rule: rule) }
                return value
            })
    }

    private init(
        form: Setting.Form, rule: String, show: @escaping @Sendable (Value) -> String?,
        allows: @escaping @Sendable (Value) -> Bool, redacts: @escaping @Sendable (Value) -> Bool, mayRedact: Bool,
        read: @escaping @Sendable ([String]) throws(WrongValue) -> Value
    ) {
        self.form = form
        self.rule = rule
        self.read = read
        self.show = show
        self.allows = allows
        self.redacts = redacts
        self.mayRedact = mayRedact
    }

    /// Any number of elements, each written as one text without a comma.
    static func list<Element: Sendable>(
        _ placeholder: String, rule: String, show: @escaping @Sendable (Element) -> String = { "\($0)" },
        allows: @escaping @Sendable (Element) -> Bool = { _ in true },
        parse: @escaping @Sendable (String) throws(WrongValue) -> Element?
    ) -> SettingKind where Value == [Element] {
        SettingKind(
            form: .list(placeholder), rule: rule, show: { $0.map(show).joined(separator: ", ") },
            allows: { $0.allSatisfy(allows) }, redacts: { _ in false }, mayRedact: false,
            read: { texts throws(WrongValue) in
                var elements: [Element] = []
                for text in texts {
                    guard let element = try parse(text) else { throw WrongValue(text, rule: rule) }
                    elements.append(element)
                }
                return elements
            })
    }

    /// The same, but it need not be given.
    func optional() -> SettingKind<Value?> {
        let (read, show, allows, redacts) = (read, show, allows, redacts)
        return SettingKind<Value?>(
            form: form, rule: rule, show: { $0.flatMap(show) }, allows: { $0.map(allows) ?? true },
            redacts: { $0.map(redacts) ?? false }, mayRedact: mayRedact,
            read: { texts throws(WrongValue) in try read(texts) })
    }
}

/// A value that is not taken, and what to give instead.
struct WrongValue: Error {
    /// nil when it must not be repeated.
    let text: String?
    let advice: String

    init(_ text: String?, advice: String) {
        self.text = text
        self.advice = advice
    }

    init(_ text: String?, rule: String) {
        self.init(text, advice: "give \(rule)")
    }

    /// - Parameter key: The setting, spelled as it was given.
    func problem(of key: String, isSecret: Bool) -> ServerConfiguration.Problem {
        guard let text, !isSecret else { return ServerConfiguration.Problem("\(key) is wrong: \(advice)") }
        let shown = text.prefix(100).map { $0.isNewline ? " " : $0 }
        return ServerConfiguration.Problem("\(key): '\(String(shown))' is wrong: \(advice)")
    }
}
