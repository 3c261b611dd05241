public import Logging

/// Settings as they were found: flags over environment over file over defaults.
public struct LoadedSettings: Sendable {
    /// What they mean for a node.
    public let configuration: ServerConfiguration
    public var logLevel: Logger.Level { settings.logLevel }
    public var logFormat: LogFormat { settings.logFormat }
    /// What is odd, but no reason to stop; a line each.
    public private(set) var warnings: [String]
    private var settings = NodeSettings()
    /// Where each setting that was given was given.
    private var sources: [String: String] = [:]

    /// Reads and checks all settings, also those that others override.
    ///
    /// - Parameters:
    ///   - flags: What stands behind each flag, by the setting's name.
    ///   - file: A file in YAML, or JSON if its name ends in `.json`; without it `SWITCHBOARD_CONFIG` may name one.
    /// - Throws: One line that names what is wrong and what would be right.
    public init(
        flags: [String: [String]], environment: [String: String], file: String?
    ) throws(ServerConfiguration.Problem) {
        let secrets = try SecretFiles(environment)
        let environment = secrets.environment
        let names = EnvironmentNames(environment)
        warnings = names.warnings
        var layers: [SettingsLayer] = []
        let variable = Setting.environmentPrefix + "CONFIG"
        let named = environment[variable].flatMap { $0.isEmpty ? nil : $0 }
        if let path = file ?? named {
            let file = try SettingsFile(path: path, key: file == nil ? variable : "--config")
            try Self.checkKeys(of: file)
            layers.append(SettingsLayer(file: file))
        }
        layers += [SettingsLayer(environment: names.withoutServiceLinks), SettingsLayer(flags: flags)]
        for layer in layers {
            for setting in Setting.all {
                guard let texts = layer.texts(for: setting) else { continue }
                try setting.read(texts, key: layer.key(of: setting), into: &settings)
                let file = layer.origin == .environment ? secrets.places[setting.name] : nil
                sources[setting.name] = file ?? layer.place(of: setting)
            }
        }
        configuration = try settings.configuration()
        for setting in Setting.all { try checkCompanion(of: setting) }
        try configuration.validate()
        warnings += Setting.all.filter { flags[$0.name] != nil && $0.isSecret(in: settings) }.map(Self.exposure)
    }

    private static func exposure(of setting: Setting) -> String {
        "the list of processes shows --\(setting.flag) to everybody on this machine, and it is confidential: give it in "
            + "\(setting.environmentName), in a file that \(setting.environmentName)_FILE names, or in the file of settings"
    }

    private static func checkKeys(of file: SettingsFile) throws(ServerConfiguration.Problem) {
        let names = Setting.all.map(\.name)
        guard let unknown = file.keys.first(where: { !names.contains($0) }) else { return }
        let hint =
            NearestName.of(unknown, among: names).map { "did you mean '\($0)'?" }
            ?? "switchboard serve --print-config shows all there are"
        throw ServerConfiguration.Problem("\(file.path): '\(unknown)' is no setting: \(hint)")
    }

    /// A setting that does nothing by itself was meant to be more than nothing.
    private func checkCompanion(of setting: Setting) throws(ServerConfiguration.Problem) {
        guard !setting.companions.isEmpty, sources[setting.name] != nil, !setting.isDefault(in: settings),
            setting.companions.allSatisfy({ sources[$0] == nil })
        else { return }
        let companions = setting.companions.joined(separator: " or ")
        throw ServerConfiguration.Problem("\(setting.name) does nothing without \(companions): give both or neither")
    }

    /// The settings in force as a YAML file, each with the place it comes from, without secrets.
    public var lines: [String] {
        let rows = Setting.all.map { setting in
            (line(of: setting), "# \(sources[setting.name] ?? "default")")
        }
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { $0.0 + String(repeating: " ", count: width - $0.0.count + 2) + $0.1 }
    }

    private func line(of setting: Setting) -> String {
        guard let value = setting.value(in: settings) else { return "# \(setting.name): none" }
        guard value.isComplete else { return "# \(setting.name): \(value.text)" }
        guard case .list = setting.form else { return "\(setting.name): \(Self.quoted(value.text))" }
        let elements = value.text.isEmpty ? [] : value.text.split(separator: ", ").map { Self.quoted(String($0)) }
        return "\(setting.name): [\(elements.joined(separator: ", "))]"
    }

    /// Plain where YAML and people read the text as it is.
    private static func quoted(_ text: String) -> String {
        let isPlain = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._:/@-".contains($0)) }
        let begins = text.first.map { $0.isLetter || $0.isNumber } ?? false
        if isPlain, begins, text.last != ":" { return text }
        return "'\(text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''"))'"
    }
}
