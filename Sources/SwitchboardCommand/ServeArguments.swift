public import ArgumentParser
import Foundation
import Logging
public import SwitchboardCore
import SwitchboardProtocol
public import SwitchboardRedis
public import SwitchboardServer

/// A size, as `262144`, `256KB` or `1MB`.
struct ByteCount: ExpressibleByArgument, CustomStringConvertible {
    let bytes: Int

    init(_ bytes: Int) { self.bytes = bytes }

    init?(argument: String) {
        let text = argument.uppercased()
        for (unit, factor) in [("KB", 1024), ("MB", 1024 * 1024), ("", 1)] where text.hasSuffix(unit) {
            guard let number = Int(text.dropLast(unit.count)), number >= 0 else { continue }
            let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
            guard !overflow else { return nil }
            self.bytes = bytes
            return
        }
        return nil
    }

    var description: String {
        if bytes > 0, bytes.isMultiple(of: 1024 * 1024) { return "\(bytes / 1024 / 1024)MB" }
        return bytes > 0 && bytes.isMultiple(of: 1024) ? "\(bytes / 1024)KB" : "\(bytes)"
    }

    var defaultValueDescription: String { description }
}

extension AddressRange: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

extension DuplicatePolicy: ExpressibleByArgument {}
extension MailboxLimits.Overflow: ExpressibleByArgument {}
extension RedisConfiguration.Routing: ExpressibleByArgument {}

enum LogLevel {
    static func parse(_ name: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: name) else { throw ValidationError("'\(name)' is not a log level") }
        return level
    }
}

/// Names a node that was given no name.
enum HostName {
    /// The host's name and something random, so that two processes on one host differ, and one that is restarted too.
    static func nodeID() -> NodeID {
        let host = ProcessInfo.processInfo.hostName.split(separator: ".").first.map(String.init) ?? "node"
        let allowed = host.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }.prefix(40)
        return NodeID(unchecked: "\(allowed.isEmpty ? "node" : allowed)-\(SessionID.random().rawValue.suffix(6))")
    }
}
