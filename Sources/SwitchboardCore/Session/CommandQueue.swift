import DequeModule
public import SwitchboardProtocol

/// The commands of one session: some run on the client, the rest wait in order. A struct without I/O.
public struct CommandQueue: Sendable {
    /// How many run on one client at a time.
    public static let maximumRunning = 8
    /// How many may wait for one client.
    public static let maximumWaiting = 256

    private var running: [CommandID: BusCommand] = [:]
    private var waiting: Deque<(command: BusCommand, until: UInt64)> = []

    public init() {}

    public var isEmpty: Bool { running.isEmpty && waiting.isEmpty }

    public enum Admission: Hashable, Sendable {
        /// To be sent to the client now.
        case start
        case wait
        case full
        /// It runs or waits already.
        case repeated
    }

    /// - Parameter now: Monotonic milliseconds.
    public mutating func add(_ command: BusCommand, now: UInt64) -> Admission {
        let until = now + UInt64(min(max(0, command.timeout), BusCommand.maximumTimeout) * 1000)
        if let known = running[command.id] {
            // Whoever asks last gets the answer.
            if known.origin != command.origin { running[command.id] = command }
            return .repeated
        }
        if let index = waiting.firstIndex(where: { $0.command.id == command.id }) {
            waiting[index] = (command, until)
            return .repeated
        }
        guard running.count >= Self.maximumRunning else {
            running[command.id] = command
            return .start
        }
        if waiting.count >= Self.maximumWaiting { waiting.removeAll { $0.until <= now } }
        guard waiting.count < Self.maximumWaiting else { return .full }
        waiting.append((command, until))
        return .wait
    }

    /// The command that runs under this id.
    public func command(_ id: CommandID) -> BusCommand? { running[id] }

    /// A command has its result, or its time is up.
    ///
    /// - Parameter now: Monotonic milliseconds; what has waited for longer than its time is not started any more.
    /// - Returns: The command, nil when none of this id runs, and the one that takes its place.
    public mutating func finish(_ id: CommandID, now: UInt64) -> (finished: BusCommand?, next: BusCommand?) {
        guard let finished = running.removeValue(forKey: id) else { return (nil, nil) }
        while let (next, until) = waiting.popFirst() {
            guard now < until else { continue }
            running[next.id] = next
            return (finished, next)
        }
        return (finished, nil)
    }

    public enum Withdrawal: Hashable, Sendable {
        /// It has not been sent: nothing more is to do.
        case removed
        /// The client has it and is to be told.
        case running
        case unknown
    }

    /// The caller gave up. A running one keeps its place until the client answers or its time is up.
    public mutating func cancel(_ id: CommandID) -> Withdrawal {
        if running[id] != nil { return .running }
        guard let index = waiting.firstIndex(where: { $0.command.id == id }) else { return .unknown }
        waiting.remove(at: index)
        return .removed
    }

    /// The session has ended.
    public mutating func removeAll() -> (running: [BusCommand], waiting: [BusCommand]) {
        defer { self = CommandQueue() }
        return (Array(running.values), waiting.map(\.command))
    }
}
