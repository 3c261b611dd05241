import ArgumentParser
import FoundationEssentials
import SwitchboardServer

/// A flag for each row of the table of settings. ArgumentParser learns a command's options by reflection, so a mirror that
/// shows an option for each row is all it takes.
struct SettingOptions: ParsableArguments, CustomReflectable {
    @Option(help: "A file with settings, in YAML or JSON. (default: SWITCHBOARD_CONFIG, or none)", completion: .file())
    var config: String?

    /// What was given, by the setting's name. Values stay text here: they are understood where those of the environment and of
    /// files are.
    private(set) var given: [String: [String]] = [:]

    init() {}

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        _config = try container.decode(Option<String?>.self, forKey: Key("config"))
        for setting in Setting.all { given[setting.name] = try Self.texts(of: setting, in: container) }
    }

    var customMirror: Mirror {
        Mirror(self, children: [("config", _config)] + Setting.all.map { ($0.name, Self.option(for: $0)) })
    }

    /// All settings, also those of the environment and of the file.
    ///
    /// - Throws: `ExitCode` after one line that says what is wrong.
    func load() throws(ExitCode) -> LoadedSettings {
        do throws(ServerConfiguration.Problem) {
            return try LoadedSettings(flags: given, environment: ProcessInfo.processInfo.environment, file: config)
        } catch {
            Output.note("switchboard: \(error)")
            throw .validationFailure
        }
    }

    private static func option(for setting: Setting) -> any Decodable {
        let name = NameSpecification.customLong(setting.flag)
        var help = ArgumentHelp("\(setting.help) (default: \(setting.defaultText))")
        switch setting.form {
        case .value(let placeholder):
            help.valueName = placeholder
            return Option<String?>(name: name, help: help)
        case .list(let placeholder):
            help.valueName = placeholder
            return Option<[String]>(wrappedValue: [], name: name, parsing: .upToNextOption, help: help)
        case .toggle: return Flag<Bool?>(name: name, inversion: .prefixedNo, exclusivity: .chooseLast, help: help)
        }
    }

    private static func texts(of setting: Setting, in container: KeyedDecodingContainer<Key>) throws -> [String]? {
        let key = Key(setting.name)
        switch setting.form {
        case .value: return try container.decode(Option<String?>.self, forKey: key).wrappedValue.map { [$0] }
        case .list:
            let texts = try container.decode(Option<[String]>.self, forKey: key).wrappedValue
            return texts.isEmpty ? nil : texts
        case .toggle: return try container.decode(Flag<Bool?>.self, forKey: key).wrappedValue.map { ["\($0)"] }
        }
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { nil }
    }
}
