import NIOCore
import SwitchboardProtocol

/// Which commands run and which wait for their turn; a struct without I/O.
struct CommandDesk {
    enum Arrival: Equatable {
        case start
        case wait
        /// It runs or waits already.
        case repeated
        /// Too many wait.
        case full
    }

    /// Why a running command was asked to end.
    enum Ending: Equatable {
        case cancelled
        case timedOut
    }

    /// So many run at once, as many as a node sends.
    static let concurrency = 8

    /// The running ones, and why one shall end.
    private var running: [String: Ending?] = [:]
    private var waiting: [ServerFrame.Command] = []
    private var waitingBytes = 0
    let limit: Int
    let bytesLimit: Int

    /// - Parameters:
    ///   - limit: The most commands that may wait. A node that keeps to eight at once lets none wait here.
    ///   - bytesLimit: The most bytes of payload that may wait, beside the first.
    init(limit: Int = 64, bytesLimit: Int) {
        self.limit = limit
        self.bytesLimit = bytesLimit
    }

    var isIdle: Bool { running.isEmpty }
    func isRunning(_ id: String) -> Bool { running[id] != nil }
    func isWaiting(_ id: String) -> Bool { waiting.contains { $0.id == id } }

    mutating func arrived(_ command: ServerFrame.Command) -> Arrival {
        guard running[command.id] == nil, !isWaiting(command.id) else { return .repeated }
        if running.count < Self.concurrency {
            running[command.id] = .some(nil)
            return .start
        }
        let bytes = command.payload.bytes.readableBytes
        guard waiting.count < limit, waiting.isEmpty || waitingBytes + bytes <= bytesLimit else { return .full }
        waiting.append(command)
        waitingBytes += bytes
        return .wait
    }

    /// Somebody wants a running command to end; the first reason counts.
    ///
    /// - Returns: Whether it runs.
    mutating func end(_ id: String, _ reason: Ending) -> Bool {
        guard let known = running[id] else { return false }
        if known == nil { running[id] = .some(reason) }
        return true
    }

    /// Takes a command that waits out of the line.
    mutating func withdraw(_ id: String) -> Bool {
        guard let index = waiting.firstIndex(where: { $0.id == id }) else { return false }
        remove(at: index)
        return true
    }

    /// Takes all commands that wait out of the line.
    mutating func withdrawAll() -> [String] {
        defer {
            waiting = []
            waitingBytes = 0
        }
        return waiting.map(\.id)
    }

    /// Why a running command was asked to end; nil when it was not.
    func reason(for id: String) -> Ending? { running[id] ?? nil }

    /// A command has ended.
    ///
    /// - Returns: The one whose turn it is now.
    mutating func ended(_ id: String) -> ServerFrame.Command? {
        running[id] = nil
        guard running.count < Self.concurrency, let next = waiting.first else { return nil }
        remove(at: 0)
        running[next.id] = .some(nil)
        return next
    }

    private mutating func remove(at index: Int) {
        waitingBytes -= waiting.remove(at: index).payload.bytes.readableBytes
    }
}
