import FoundationEssentials
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardRedis

extension SettingKind where Value == Int {
    static let port = SettingKind(
        .value("PORT"), rule: "a port from 0 to 65535", allows: (0...65535).contains, parse: { Int($0) })

    static func count(_ range: ClosedRange<Int> = 0...1_000_000_000) -> SettingKind {
        let rule = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return SettingKind(.value("NUMBER"), rule: rule, allows: range.contains, parse: { Int($0) })
    }

    /// Up to a terabyte.
    static let bytes = SettingKind(
        .value("BYTES"), rule: "a size up to 1024GB, such as 65536, 64KB or 1MB", show: { ByteText.show($0) },
        allows: (0...1 << 40).contains, parse: { ByteText.parse($0) })

    /// Whole seconds.
    static func seconds(_ range: ClosedRange<Int>) -> SettingKind {
        let rule = DurationText.rule(Double(range.lowerBound), Double(range.upperBound), "90, 90s or 24h")
        return SettingKind(
            .value("TIME"), rule: rule, show: { DurationText.show(Double($0)) }, allows: range.contains,
            parse: { DurationText.parse($0).flatMap { Int(exactly: $0) } })
    }
}

extension SettingKind where Value == Double {
    /// Seconds.
    static func seconds(_ range: ClosedRange<Double>) -> SettingKind {
        let rule = DurationText.rule(range.lowerBound, range.upperBound, "1.5, 500ms, 25s or 10m")
        return SettingKind(
            .value("TIME"), rule: rule, show: { DurationText.show($0) }, allows: range.contains,
            parse: { DurationText.parse($0) })
    }

    static let percent = SettingKind(
        .value("PERCENT"), rule: "a number from 0 to 100", allows: (0...100).contains, parse: { Double($0) })
}

extension SettingKind where Value == Bool {
    static let toggle = SettingKind(.toggle, rule: "true or false") { text in
        switch text.lowercased() {
        case "true", "yes", "on", "1": true
        case "false", "no", "off", "0": false
        default: nil
        }
    }
}

extension SettingKind where Value == String {
    static let host = SettingKind(
        .value("HOST"), rule: "an IP address or a host's name", allows: { !$0.isEmpty }, parse: { $0 })

    static let text = SettingKind(.value("TEXT"), rule: "a text", allows: { !$0.isEmpty }, parse: { $0 })

    static let file = SettingKind(.value("FILE"), rule: "a file's path", allows: { !$0.isEmpty }, parse: { $0 })

    static let webURL = SettingKind(
        .value("URL"), rule: "a URL such as https://host/path",
        show: { text in
            guard mayHoldSecret(text), var parts = URLComponents(string: text) else { return text }
            (parts.user, parts.password, parts.query, parts.fragment) = (nil, nil, nil, nil)
            return parts.string
        },
        allows: { isWebURL($0) }, redacts: { mayHoldSecret($0) },
        parse: { text throws(WrongValue) in
            guard isWebURL(text) else {
                throw WrongValue(mayHoldSecret(text) ? nil : text, rule: "a URL such as https://host/path")
            }
            return text
        })

    /// A user, a password, or a query: that of a function has its key.
    private static func mayHoldSecret(_ url: String) -> Bool { url.contains { "@?#".contains($0) } }

    private static func isWebURL(_ text: String) -> Bool {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme else { return false }
        return ["http", "https"].contains(scheme) && parts.host?.isEmpty == false
    }

    /// Where Redis is; shown without user and password.
    static let redisURL = SettingKind(
        .value("URL"), rule: "a URL such as redis://[USER:PASSWORD@]HOST:PORT",
        show: { (try? RedisAddress(url: $0)).map { "\($0)" } },
        redacts: { (try? RedisAddress(url: $0))?.password != nil },
        parse: { url throws(WrongValue) in
            do throws(RedisConfigurationError) { _ = try RedisAddress(url: url) } catch {
                // The URL may hold a password.
                throw WrongValue(nil, advice: "\(error)")
            }
            return url
        })
}

extension SettingKind where Value: Identifier {
    static var name: SettingKind {
        let rule = "1 to 128 characters of A-Z a-z 0-9 . _ : @ -"
        return SettingKind(.value("NAME"), rule: rule) { Value(rawValue: $0) }
    }
}

extension SettingKind where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    static var choice: SettingKind {
        let names = Value.allCases.map(\.rawValue)
        let rule = names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
        let form = Setting.Form.value(names.joined(separator: "|"))
        return SettingKind(form, rule: rule, show: { $0.rawValue }, parse: { Value(rawValue: $0) })
    }
}

extension SettingKind where Value == [AddressRange] {
    static let networks = list("NETWORK", rule: "networks such as 10.0.0.0/8") { AddressRange($0) }
}

extension SettingKind where Value == [WebhookKind] {
    static let webhookEvents = list(
        "EVENT", rule: "events of " + WebhookKind.allCases.map(\.rawValue).joined(separator: ", "),
        show: { $0.rawValue },
        parse: { WebhookKind(rawValue: $0) })
}

extension SettingKind where Value == [AlertRule] {
    static let alertRules = list(
        "RULE", rule: "rules such as 'hot: cpu > 0.9 for 30 amber'",
        parse: { text throws(WrongValue) in
            do throws(AlertRuleError) { return try AlertRule(text) } catch {
                throw WrongValue(text, rule: error.description)
            }
        })
}

extension SettingKind where Value == [String] {
    static let webhookSecrets = list(
        "SECRET", rule: "whsec_ and base 64 of 24 to 64 bytes", allows: { WebhookSecret($0) != nil }, parse: { $0 })
}
