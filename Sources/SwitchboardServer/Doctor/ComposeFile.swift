import Foundation
import Yams

/// The services of a compose file that run nodes, as far as checks need them.
struct ComposeFile {
    struct Service {
        let name: String
        /// The flags of `switchboard serve`.
        let arguments: [String]
        let environment: [String: String]
        /// The text of `stop_grace_period`.
        let stopGrace: String?
        /// The soft limit of open files.
        let openFiles: Int?
    }

    let services: [Service]

    /// - Throws: when the file cannot be read or is not YAML.
    init(path: String) throws {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let services = try Yams.compose(yaml: text)?.mapping?["services"]?.mapping
        self.services = services?.compactMap { Service(name: $0.string ?? "", node: $1) } ?? []
    }
}

extension ComposeFile.Service {
    /// - Returns: nil unless the service runs `switchboard serve`.
    fileprivate init?(name: String, node: Yams.Node) {
        let words = Self.words(node["command"])
        guard let place = words.firstIndex(of: "serve"), place == 0 || words[place - 1].hasSuffix("switchboard") else {
            return nil
        }
        self.name = name
        arguments = Self.withoutVariables(words[(place + 1)...])
        environment = Self.variables(node["environment"])
        stopGrace = node["stop_grace_period"]?.string
        let limit = node["ulimits"]?["nofile"]
        openFiles = limit?.int ?? limit?["soft"]?.int
    }

    private static func words(_ node: Yams.Node?) -> [String] {
        if let list = node?.sequence { return list.compactMap(\.string) }
        return node?.string?.split(whereSeparator: \.isWhitespace).map(String.init) ?? []
    }

    /// Flags whose values have variables of the shell are left out.
    private static func withoutVariables(_ words: ArraySlice<String>) -> [String] {
        var kept: [String] = []
        for word in words {
            guard word.contains("$") else {
                kept.append(word)
                continue
            }
            if !word.hasPrefix("--"), let flag = kept.last, flag.hasPrefix("--"), !flag.contains("=") {
                kept.removeLast()
            }
        }
        return kept
    }

    /// Both spellings: a mapping, or a list of `NAME=VALUE`. Values with variables of the shell are left out.
    private static func variables(_ node: Yams.Node?) -> [String: String] {
        var variables: [String: String] = [:]
        for (name, value) in node?.mapping?.map({ ($0.string ?? "", $1.string ?? "") }) ?? [] {
            variables[name] = value
        }
        for item in node?.sequence?.compactMap(\.string) ?? [] {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
        }
        return variables.filter { !$0.value.contains("$") }
    }
}
