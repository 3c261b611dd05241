import Configuration
import Foundation
import NIOCore
import SwitchboardProtocol
import Synchronization

/// A file of settings: JSON when its name ends in `.json`, otherwise YAML.
struct SettingsFile {
    let path: String
    /// Every key in it; of nested ones the way there, with dots.
    let keys: [String]
    let snapshot: any ConfigSnapshot

    /// - Parameter key: What named the file.
    /// - Throws: when it cannot be read or makes no sense.
    init(path: String, key: String) throws(ServerConfiguration.Problem) {
        self.path = path
        let data: Data
        do { data = try Data(contentsOf: URL(filePath: path)) } catch {
            throw ServerConfiguration.Problem("\(key): cannot read '\(path)': \(Self.cause(error))")
        }
        (keys, snapshot) = path.hasSuffix(".json") ? try Self.json(data, path) : try Self.yaml(data, path)
    }

    private static func cause(_ error: any Error) -> String {
        let underlying = (error as? CocoaError)?.underlying ?? error
        guard let code = (underlying as? POSIXError)?.code else { return "\(error.localizedDescription)" }
        return String(cString: strerror(code.rawValue))
    }

    private static func yaml(
        _ data: Data, _ path: String
    ) throws(ServerConfiguration.Problem) -> ([String], any ConfigSnapshot) {
        // A parser of YAML sees no mapping in a file whose lines are all comments.
        let lines = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)
        if lines.allSatisfy({ $0.allSatisfy(\.isWhitespace) || $0.drop(while: \.isWhitespace).first == "#" }) {
            return ([], InMemoryProvider(values: [:]).snapshot())
        }
        let keys = KeyList()
        // Asked about each key whether it is a secret, which is the one way to learn what keys there are.
        let options = YAMLSnapshot.ParsingOptions(
            secretsSpecifier: .dynamic { key, _ in
                keys.add(key)
                return false
            })
        do {
            let bytes = Array(data)
            let snapshot = try YAMLSnapshot(data: bytes.span.bytes, providerName: path, parsingOptions: options)
            return (keys.all, snapshot)
        } catch {
            // Position and reason come first, then an excerpt over several lines.
            let line = "\(error)".split(whereSeparator: \.isNewline).first ?? ""
            throw ServerConfiguration.Problem("\(path): it is not YAML: \(line)")
        }
    }

    private static func json(
        _ data: Data, _ path: String
    ) throws(ServerConfiguration.Problem) -> ([String], any ConfigSnapshot) {
        let document: JSONDocument
        do throws(JSONError) { document = try JSONDocument(ByteBuffer(bytes: data)) } catch {
            let before = data.prefix(error.offset)
            let line = 1 + before.count { $0 == UInt8(ascii: "\n") }
            let column = 1 + before.reversed().prefix { $0 != UInt8(ascii: "\n") }.count
            throw ServerConfiguration.Problem("\(path):\(line):\(column): it is not JSON: \(error.message)")
        }
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (name, value) in document.members where value.kind != .null {
            values[AbsoluteConfigKey([name])] = ConfigValue(content(of: value, in: document), isSecret: false)
        }
        return (document.members.map(\.name), InMemoryProvider(name: path, values: values).snapshot())
    }

    private static func content(of value: JSONSlice, in document: JSONDocument) -> ConfigContent {
        func text(_ value: JSONSlice) -> String {
            document.string(value) ?? String(buffer: document.bytes(of: value))
        }
        guard let elements = document.elements(value) else { return .string(text(value)) }
        return .stringArray(elements.map(text))
    }
}

private final class KeyList: Sendable {
    private let keys = Mutex<[String]>([])

    func add(_ key: String) { keys.withLock { $0.append(key) } }
    var all: [String] { keys.withLock { $0 } }
}
