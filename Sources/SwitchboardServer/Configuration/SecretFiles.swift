import Foundation

/// Secrets in files of their own, as Docker and Kubernetes hand them over: `SWITCHBOARD_REDIS_FILE` names a file with what
/// `SWITCHBOARD_REDIS` would say.
struct SecretFiles {
    /// No secret is longer, in bytes.
    private static let limit = 64 << 10

    /// The environment with what the files say.
    let environment: [String: String]
    /// The variable that named a file, by the setting's name.
    let places: [String: String]

    /// - Throws: when a file cannot be read, or a setting is given in both ways.
    init(_ environment: [String: String]) throws(ServerConfiguration.Problem) {
        var (all, places) = (environment, [String: String]())
        for (setting, variable) in Self.variables {
            guard let path = all.removeValue(forKey: variable), !path.isEmpty else { continue }
            guard all[setting.environmentName, default: ""].isEmpty else {
                throw ServerConfiguration.Problem("\(setting.environmentName) and \(variable): give one of them")
            }
            all[setting.environmentName] = try Self.text(of: path, variable)
            places[setting.name] = variable
        }
        (self.environment, self.places) = (all, places)
    }

    /// The settings that may be secrets, with the variables that name their files.
    private static let variables: [(setting: Setting, variable: String)] = {
        let names = Set(Setting.all.map(\.environmentName))
        return Setting.all.filter(\.mayBeSecret).map { ($0, $0.environmentName + "_FILE") }
            .filter { !names.contains($0.1) }
    }()

    /// The environment without the variables that name files, and whether there were any.
    static func withoutNames(_ environment: [String: String]) -> (environment: [String: String], namesSecrets: Bool) {
        let names = Set(variables.map(\.variable))
        let rest = environment.filter { !names.contains($0.key) }
        return (rest, rest.count < environment.count)
    }

    /// Without the line ends behind it, which editors write.
    private static func text(of path: String, _ variable: String) throws(ServerConfiguration.Problem) -> String {
        guard let file = FileHandle(forReadingAtPath: path), let data = try? file.read(upToCount: limit + 1) else {
            throw ServerConfiguration.Problem("\(variable): cannot read '\(path)'")
        }
        guard data.count <= limit else {
            throw ServerConfiguration.Problem("\(variable): '\(path)' has more than \(limit) bytes")
        }
        let text = String(decoding: data, as: UTF8.self)
        guard let end = text.lastIndex(where: { !$0.isNewline }) else {
            throw ServerConfiguration.Problem("\(variable): '\(path)' is empty")
        }
        return String(text[...end])
    }
}
