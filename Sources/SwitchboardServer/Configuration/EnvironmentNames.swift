/// Finds misspelled settings in the environment. They only earn a warning: the variables of other programs are no mistake.
struct EnvironmentNames {
    /// Not settings of a node, but of the tools and tests around it.
    private static let others: Set<String> = [
        "ADDRESS", "BENCHMARKS", "BIN", "CA", "CONFIG", "KEY", "LOGS", "RUN", "STRICT", "TLS_PORT", "TOKEN", "URL",
    ]
    private let environment: [String: String]

    init(_ environment: [String: String]) { self.environment = environment }

    /// The environment without what Kubernetes writes there for a service named `switchboard`: `SWITCHBOARD_PORT=tcp://...`.
    var withoutServiceLinks: [String: String] {
        environment.filter { name, value in
            !(name == Setting.environmentPrefix + "PORT" && value.contains("://"))
        }
    }

    /// A line for each variable that looks like a setting and is none.
    var warnings: [String] {
        let names = Setting.all.map(\.environmentName)
        return environment.keys.sorted().compactMap { name in
            guard name.hasPrefix(Setting.environmentPrefix), !names.contains(name) else { return nil }
            let rest = name.dropFirst(Setting.environmentPrefix.count)
            guard !Self.others.contains(String(rest)), !isServiceLink(rest) else { return nil }
            let hint = NearestName.of(name, among: names).map { ": did you mean \($0)?" } ?? ""
            return "\(name) in the environment is no setting and does nothing\(hint)"
        }
    }

    private func isServiceLink(_ rest: Substring) -> Bool {
        rest.hasPrefix("SERVICE_") || rest.hasPrefix("PORT_") || rest.hasPrefix("CHAOS_")
    }
}
