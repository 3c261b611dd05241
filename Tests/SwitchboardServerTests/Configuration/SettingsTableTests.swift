import Foundation
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct SettingsTableTests {
    @Test func namesAreUniqueInEverySpelling() {
        #expect(Set(Setting.all.map(\.name)).count == Setting.all.count)
        #expect(Set(Setting.all.map(\.flag)).count == Setting.all.count)
        #expect(Set(Setting.all.map(\.environmentName)).count == Setting.all.count)
        #expect(!Setting.all.contains { ["config", "printConfig", "help", "version"].contains($0.name) })
    }

    @Test(arguments: [
        ("host", "host", "SWITCHBOARD_HOST"), ("nodeId", "node-id", "SWITCHBOARD_NODE_ID"),
        ("mailboxTTL", "mailbox-ttl", "SWITCHBOARD_MAILBOX_TTL"),
        ("heartbeatInterval", "heartbeat-interval", "SWITCHBOARD_HEARTBEAT_INTERVAL"),
    ])
    func threeSpellings(name: String, flag: String, variable: String) throws {
        let setting = try #require(Setting.all.first { $0.name == name })
        #expect(setting.flag == flag)
        #expect(setting.environmentName == variable)
    }

    /// Every row can be given in each place, under the name that the documentation gives for it.
    @Test(arguments: Setting.all.map(\.name))
    func everyPlace(name: String) throws {
        let setting = try #require(Setting.all.first { $0.name == name })
        let text = Self.sample(of: setting)
        let companion = Self.companions(of: setting)
        let byFlag = try LoadedSettings(
            flags: companion.merging([name: [text]]) { $1 }, environment: [:], file: nil)
        // A secret in a flag would earn a warning.
        let variables = Dictionary(
            uniqueKeysWithValues: Setting.all.compactMap { other in
                companion[other.name].map { (other.environmentName, $0.joined(separator: ",")) }
            })
        let byVariable = try LoadedSettings(
            flags: [:], environment: variables.merging([setting.environmentName: text]) { $1 }, file: nil)
        #expect(byFlag.line(name)?.hasSuffix("# --\(setting.flag)") == true)
        #expect(byVariable.line(name)?.hasSuffix("# \(setting.environmentName)") == true)
        #expect(byVariable.warnings.isEmpty)
        #expect(byFlag.value(name) == byVariable.value(name))
        let byDefault = try LoadedSettings.defaults()
        #expect(setting.isSecret || byFlag.value(name) != byDefault.value(name), "the sample is the default")
        for (suffix, content) in [("yaml", "\(name): \(text)\n"), ("json", #"{"\#(name)": "\#(text)"}"#)] {
            try TemporaryFile.with(content, suffix: suffix) { path in
                let byFile = try LoadedSettings(flags: companion, environment: [:], file: path)
                #expect(byFile.line(name)?.hasSuffix("# \(path)") == true)
                #expect(byFile.value(name) == byFlag.value(name))
            }
        }
    }

    @Test(arguments: Setting.all.map(\.name))
    func theDefaultIsAllowedAndReadsAsItself(name: String) throws {
        let setting = try #require(Setting.all.first { $0.name == name })
        var settings = NodeSettings()
        try setting.check(settings)
        guard let value = setting.value(in: settings) else {
            #expect(setting.absence != nil, "what does it mean that \(name) has no value?")
            return
        }
        // Of a secret it is shown that there is one, and what is empty counts as not given.
        guard !setting.isSecret, !value.text.isEmpty else { return }
        let texts = setting.form.isList ? value.text.components(separatedBy: ", ") : [value.text]
        try setting.read(texts, key: name, into: &settings)
        #expect(setting.isDefault(in: settings))
    }

    @Test(arguments: Setting.all.map(\.name))
    func theHelpIsALineOfItsOwn(name: String) throws {
        let setting = try #require(Setting.all.first { $0.name == name })
        #expect(setting.help.hasSuffix("."))
        #expect(!setting.help.contains("\n") && !setting.help.contains("|"))
        #expect(setting.companions.allSatisfy { name in Setting.all.contains { $0.name == name } })
    }

    @Test func theDocumentationHasEveryRow() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..")
        let text = try String(contentsOf: root.appending(path: "docs/configuration.md"), encoding: .utf8)
        let documented = text.split(separator: "\n").filter { $0.hasPrefix("| `") }.map(String.init)
        let expected = Setting.all.map { setting in
            "| `\(setting.name)` | \(setting.absence ?? "`\(setting.defaultText)`") | \(setting.help) |"
        }
        #expect(documented == expected, "the table should be:\n\(expected.joined(separator: "\n"))")
    }

    /// Values of settings that not every value of their form suits.
    private static let samples = [
        "redis": "redis://192.0.2.1:7000/3", "webhookURL": "https://backend.example/events",
        "connectingURL": "https://backend.example/connecting", "webhookEvents": "client.message",
        "webhookSecret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "webhookRequests": "3", "connectingTimeout": "2s",
        "upstream": "none", "metrics": "false", "console": "false", "tlsCertificate": "tls.crt", "tlsKey": "tls.key",
        "tokenSecret": "0123456789abcdef0123456789abcdef", "tokenKeys": "https://login.example/jwks.json",
        "allowedOrigins": "https://shop.example", "joinableGroups": "chat:*",
        "publishGroups": "chat:*",
        "alertRules": "hot:cpu > 0.5",
    ]

    /// The settings without which this one does nothing, and those that they need.
    private static func companions(of setting: Setting) -> [String: [String]] {
        var found: [String: [String]] = [:]
        // With keys alone no client could connect.
        var next = setting.name == "keyFile" ? "tokenSecret" : setting.companions.first
        while let name = next, name != setting.name, found[name] == nil {
            found[name] = [samples[name] ?? ""]
            next = Setting.all.first { $0.name == name }?.companions.first
        }
        return found
    }

    /// A value that differs from the default.
    private static func sample(of setting: Setting) -> String {
        if let sample = samples[setting.name] { return sample }
        return switch setting.form {
        case .toggle: "true"
        case .list: "192.0.2.0/24"
        case .value("HOST"): "127.0.0.2"
        case .value("PORT"): "4711"
        case .value("PERCENT"): "3"
        case .value("TEXT"): "a text"
        case .value("FILE"): "a.file"
        case .value("NAME"): "a-name"
        case .value("BYTES"): "3MB"
        case .value("NUMBER"): "17"
        case .value("TIME"): "19s"
        case .value(let choices): String(choices.split(separator: "|").last ?? "")
        }
    }
}

extension Setting.Form {
    fileprivate var isList: Bool { if case .list = self { true } else { false } }
}

extension LoadedSettings {
    static func defaults() throws -> LoadedSettings { try LoadedSettings(flags: [:], environment: [:], file: nil) }

    /// The line of `--print-config` for a setting.
    func line(_ name: String) -> String? {
        lines.first { $0.hasPrefix("\(name): ") || $0.hasPrefix("# \(name): ") }
    }

    /// The line without where the value comes from.
    func value(_ name: String) -> String? {
        guard let line = line(name), let end = line.range(of: "  #", options: .backwards) else { return nil }
        return line[..<end.lowerBound].trimmingCharacters(in: .whitespaces)
    }
}
