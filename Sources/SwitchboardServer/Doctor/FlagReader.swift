/// Reads the flags of a `switchboard serve` that stands in somebody's file.
struct FlagReader {
    /// What stands behind each flag, by the setting's name.
    private(set) var given: [String: [String]] = [:]
    private(set) var namesFile = false

    /// - Throws: when there is a flag that `serve` does not have.
    init(_ arguments: [String]) throws(ServerConfiguration.Problem) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--") else { throw ServerConfiguration.Problem("'\(argument)' is no flag") }
            let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let flag = String(parts.first ?? "")
            var values = parts.dropFirst().map(String.init)
            let (setting, switchesOff) = try Self.setting(flag)
            if setting?.form == .toggle {
                values = [switchesOff ? "false" : "true"]
            } else {
                while let next = rest.first, !next.hasPrefix("--"), values.isEmpty || Self.isList(setting) {
                    values.append(next)
                    rest.removeFirst()
                }
            }
            guard let setting else {
                namesFile = true
                continue
            }
            given[setting.name, default: []] = Self.isList(setting) ? (given[setting.name] ?? []) + values : values
        }
    }

    /// - Returns: nil for the flag that names a file with settings.
    private static func setting(_ flag: String) throws(ServerConfiguration.Problem) -> (Setting?, switchesOff: Bool) {
        if flag == "config" { return (nil, false) }
        if let setting = Setting.all.first(where: { $0.flag == flag }) { return (setting, false) }
        if let setting = Setting.all.first(where: { $0.form == .toggle && "no-\($0.flag)" == flag }) {
            return (setting, true)
        }
        let hint = NearestName.of(flag, among: Setting.all.map(\.flag)).map { ": did you mean --\($0)?" } ?? ""
        throw ServerConfiguration.Problem("--\(flag) is no flag of switchboard serve\(hint)")
    }

    private static func isList(_ setting: Setting?) -> Bool {
        if case .list = setting?.form { true } else { false }
    }
}
