import Configuration

/// One of the places that settings come from.
struct SettingsLayer {
    enum Origin: Hashable {
        case flags
        case environment
        case file(String)
    }

    let origin: Origin
    private let snapshot: any ConfigSnapshot

    /// - Parameter flags: What stands behind each flag, by the setting's name.
    init(flags: [String: [String]]) {
        origin = .flags
        let values = flags.map { name, texts in
            let content = texts.count == 1 ? ConfigContent.string(texts[0]) : .stringArray(texts)
            return (AbsoluteConfigKey([name]), ConfigValue(content, isSecret: false))
        }
        snapshot = InMemoryProvider(values: Dictionary(values) { $1 }).snapshot()
    }

    init(environment: [String: String]) {
        origin = .environment
        // Compose and shell scripts set a variable to nothing when they mean to leave it out.
        let given = environment.filter { !$0.value.isEmpty }
        snapshot = EnvironmentVariablesProvider(environmentVariables: given).prefixKeys(with: "switchboard").snapshot()
    }

    init(file: SettingsFile) {
        origin = .file(file.path)
        snapshot = file.snapshot
    }

    /// What is given for a setting, as text; nil when nothing is. `ConfigReader` would take a value that it cannot convert for
    /// none, so the layer is asked itself.
    func texts(for setting: Setting) -> [String]? {
        let key = AbsoluteConfigKey([setting.name])
        if let value = try? snapshot.value(forKey: key, type: .string).value, case .string(let text) = value.content {
            return isNothing(text) ? nil : elements(of: text, setting)
        }
        if let value = try? snapshot.value(forKey: key, type: .stringArray).value,
            case .stringArray(let texts) = value.content
        {
            guard case .list = setting.form else { return ["[\(texts.joined(separator: ", "))]"] }
            return texts.flatMap { elements(of: $0, setting) }
        }
        return nil
    }

    /// How a setting is spelled here.
    func key(of setting: Setting) -> String {
        switch origin {
        case .flags: "--\(setting.flag)"
        case .environment: setting.environmentName
        case .file(let path): "\(path): \(setting.name)"
        }
    }

    /// Where it is, for somebody who looks for it.
    func place(of setting: Setting) -> String {
        if case .file(let path) = origin { return path }
        return key(of: setting)
    }

    /// A key of YAML with nothing behind it is one that somebody has yet to fill in.
    private func isNothing(_ text: String) -> Bool {
        guard case .file = origin else { return false }
        return ["", "~", "null"].contains(text)
    }

    private func elements(of text: String, _ setting: Setting) -> [String] {
        guard case .list = setting.form else { return [text] }
        return text.split(separator: ",").map { part in
            String(part.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        }
    }
}
