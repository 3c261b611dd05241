import Foundation
public import Logging
import NIOCore
import SwitchboardProtocol

/// How the log is written.
public enum LogFormat: String, Sendable, CaseIterable {
    /// Lines for people.
    case plain
    /// One JSON object a line.
    case json

    /// Makes what ``Logging/LoggingSystem`` is bootstrapped with.
    ///
    /// - Parameter label: The name of the logger.
    public func handler(label: String) -> any LogHandler {
        switch self {
        case .plain: OneLineLogHandler(StreamLogHandler.standardError(label: label))
        // A log that nobody reads any more must not end the node.
        case .json:
            OneLineLogHandler(JSONLogHandler { line in try? FileHandle.standardError.write(contentsOf: line) })
        }
    }
}

/// Writes each event as one line of JSON: `time`, `level`, `message`, then its metadata as members of the object.
struct JSONLogHandler: LogHandler {
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let write: @Sendable (Data) -> Void

    /// - Parameter write: Takes a line with its end, in one piece.
    init(write: @escaping @Sendable (Data) -> Void) { self.write = write }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let error = event.error { all["error"] = "\(error)" }
        if let own = event.metadata { all.merge(own) { $1 } }
        var line = JSONObjectWriter.document { json in
            json.string("time", Date().formatted(Self.time))
            json.string("level", event.level.rawValue)
            json.string("message", event.message.description)
            for (name, value) in all.sorted(by: { $0.key < $1.key }) {
                // What every line has keeps its meaning.
                json.value(named: ["time", "level", "message"].contains(name) ? name + "_" : name, value)
            }
        }
        line.writeInteger(UInt8(ascii: "\n"))
        write(Data(line.readableBytesView))
    }

    /// RFC 3339, in UTC.
    private static let time = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
}

extension JSONObjectWriter {
    fileprivate mutating func value(named name: String, _ value: Logger.Metadata.Value) {
        switch value {
        case .string(let text): string(named: name, text)
        case .stringConvertible(let text): string(named: name, text.description)
        case .array(let list): string(named: name, list.map(\.description).joined(separator: ", "))
        case .dictionary(let members):
            object(named: name) { inner in
                for (name, value) in members.sorted(by: { $0.key < $1.key }) { inner.value(named: name, value) }
            }
        }
    }
}
