import NIOCore
import SwitchboardProtocol

/// The commands that were run lately and their results; a struct without I/O.
///
/// A result is sent until the node says that it has taken it over, anew on every link. It is known for at least 10 minutes
/// and 1000 commands, so that a repeated command is answered and not run again; beyond 5000 commands, or when the results
/// have more than 8 MiB together, the oldest are given up.
struct CommandBook {
    struct Limits {
        var least = 1000
        var most = 5000
        /// Seconds.
        var age = 600
        var bytes = 8 << 20
    }

    private struct Entry {
        /// Unix time in seconds.
        var at: Int
        /// nil while it runs.
        var result: CommandResult?
        var isAcknowledged = false
    }

    private var entries: [String: Entry] = [:]
    private var order: [String] = []
    private var head = 0
    /// Not acknowledged, in the order in which they ended.
    private var unacknowledged: [String] = []
    /// How many of ``unacknowledged`` were sent on this link: those at its front.
    private var sent = 0
    private(set) var bytes = 0
    let limits: Limits

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    var count: Int { entries.count }

    /// Its result waits for the node's acknowledgement.
    func isAwaited(_ id: String) -> Bool { unacknowledged.contains(id) }
    func contains(_ id: String) -> Bool { entries[id] != nil }
    func result(of id: String) -> CommandResult? { entries[id]?.result }

    // MARK: the life of a command

    mutating func started(_ id: String, at: Int) {
        guard entries[id] == nil else { return }
        entries[id] = Entry(at: at)
        order.append(id)
        evict(now: at)
    }

    /// A command has its result; one that never started gets it at once.
    mutating func ended(_ id: String, _ result: CommandResult, at: Int) {
        started(id, at: at)
        guard entries[id]?.result == nil else { return }
        entries[id]?.result = result
        bytes += Self.bytes(of: result)
        unacknowledged.append(id)
        shrink()
    }

    /// The node has taken the result over, or will never take it.
    ///
    /// - Returns: Whether it was waiting for that.
    @discardableResult
    mutating func acknowledged(_ id: String) -> Bool {
        guard let index = unacknowledged.firstIndex(of: id) else { return false }
        unacknowledged.remove(at: index)
        if index < sent { sent -= 1 }
        entries[id]?.isAcknowledged = true
        return true
    }

    /// The node sent a command again whose result is known: the result is due again.
    mutating func repeated(_ id: String) {
        guard entries[id]?.result != nil else { return }
        acknowledged(id)
        entries[id]?.isAcknowledged = false
        unacknowledged.append(id)
    }

    /// The process that ran these commands is gone.
    mutating func interrupt(at: Int) {
        for id in order[head...] where entries[id]?.result == nil { ended(id, .interrupted, at: at) }
    }

    // MARK: sending

    /// The link was lost: every result has to be sent again.
    mutating func rewind() {
        sent = 0
    }

    /// The next result that was not sent on this link.
    mutating func nextDue() -> ClientFrame? {
        guard sent < unacknowledged.count, let result = entries[unacknowledged[sent]]?.result else { return nil }
        defer { sent += 1 }
        return .result(id: unacknowledged[sent], status: result.status, payload: result.payload)
    }

    /// The largest result that was sent and not acknowledged, and its bytes: the one to give up when the node finds a message
    /// too big.
    var largestSent: (id: String, bytes: Int)? {
        unacknowledged[..<sent].compactMap { id in
            entries[id]?.result.map { (id, Self.bytes(of: $0)) }
        }.max { $0.1 < $1.1 }
    }

    /// Puts another result in the place of one.
    mutating func replace(_ id: String, _ result: CommandResult) {
        guard let old = entries[id]?.result else { return }
        bytes += Self.bytes(of: result) - Self.bytes(of: old)
        entries[id]?.result = result
    }

    // MARK: what is kept

    /// All that is known, oldest first.
    var records: [StateRecord] {
        order[head...].flatMap { id -> [StateRecord] in
            guard let entry = entries[id] else { return [] }
            guard let result = entry.result else { return [.started(id: id, at: entry.at)] }
            let record = StateRecord.result(id: id, at: entry.at, result)
            return entry.isAcknowledged ? [record, .acknowledged(id: id)] : [record]
        }
    }

    private mutating func evict(now: Int) {
        var left = order.count - head
        while count > limits.least, left > 0, let entry = entries[order[head]] {
            let isOver = count > limits.most
            guard isOver || entry.at <= now - limits.age else { break }
            let id = order[head]
            head += 1
            left -= 1
            // What runs, or has to be sent still, goes behind the others.
            if entry.result == nil || (!entry.isAcknowledged && !isOver) { order.append(id) } else { forget(id) }
        }
        if head > limits.least {
            order.removeFirst(head)
            head = 0
        }
    }

    private mutating func forget(_ id: String) {
        acknowledged(id)
        if let result = entries.removeValue(forKey: id)?.result { bytes -= Self.bytes(of: result) }
    }

    /// Gives up the oldest results until the others fit, those that the node has first.
    private mutating func shrink() {
        for mustBeAcknowledged in [true, false] where bytes > limits.bytes {
            for id in order[head...] where bytes > limits.bytes {
                guard let entry = entries[id], entry.result != nil, entry.isAcknowledged || !mustBeAcknowledged else {
                    continue
                }
                if bytes(of: id) > Self.bytes(of: .forgotten) { replace(id, .forgotten) }
            }
        }
    }

    private func bytes(of id: String) -> Int { entries[id]?.result.map(Self.bytes) ?? 0 }
    private static func bytes(of result: CommandResult) -> Int { result.payload?.bytes.readableBytes ?? 0 }
}
