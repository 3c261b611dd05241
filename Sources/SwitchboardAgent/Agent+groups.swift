import FoundationEssentials
import NIOCore
public import SwitchboardProtocol

extension Agent {
    /// Puts the session into a group, now and after every reconnect. A node that does not allow it says so by
    /// ``AgentEvent/refused(code:message:)``, and it is not asked again.
    ///
    /// - Parameters:
    ///   - history: How many of the newest durable pushes to the group come before any other one, at most 300. After a reconnect
    ///     the agent goes on where it was instead.
    ///   - watch: Whether ``AgentHandlers/onGroup`` is told who is in the group.
    public func join(_ group: GroupName, history: Int = 0, watch: Bool = false) {
        let wish = GroupWish(history: min(max(history, 0), ClientFrame.maximumHistory), watch: watch)
        guard !groups.contains(group) || wishes[group, default: GroupWish()] != wish else { return }
        if !groups.contains(group) { groups.append(group) }
        wishes[group] = wish == GroupWish() ? nil : wish
        followed.insert("group:" + group.rawValue)
        if state.isOnline { writeJoin(group) }
    }

    /// Pushes something to a group, and waits until a node has accepted it. The receivers see this client as the sender
    /// (``ServerFrame/Push/from``).
    ///
    /// While there is no link it waits; after a reconnect it is sent again with the same id, by which receivers know it.
    ///
    /// - Parameters:
    ///   - payload: What the members get.
    ///   - isDurable: Whether the group's history keeps it.
    ///   - id: Names it; a ULID unless given.
    ///   - timeout: How long to wait, over all reconnects.
    /// - Returns: Its id.
    /// - Throws: ``AgentError``, with the code `publish_forbidden` when the client may not publish there, or
    ///   `CancellationError` when the task was cancelled; a node may still have accepted it, unless it was rejected.
    @discardableResult
    public func publish(
        _ payload: Payload, to group: GroupName, durable isDurable: Bool = false, id: String? = nil,
        timeout: Duration = .seconds(30)
    ) async throws -> String {
        let id = id ?? newID()
        let frame = ClientFrame.publish(id: id, group: group, payload: payload, isDurable: isDurable)
        try check(payload, in: frame)
        try await sendAndWait(frame, id: id, bytes: payload.bytes.readableBytes, timeout: timeout)
        return id
    }

    /// Pushes something to a group without waiting, so that more can follow in order.
    ///
    /// - Parameters:
    ///   - isDurable: Whether the group's history keeps it.
    ///   - done: Called once, on the agent's loop, when a node has accepted it, or will not.
    package func post(
        _ payload: Payload, to group: GroupName, durable isDurable: Bool,
        done: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) throws {
        let id = newID()
        let frame = ClientFrame.publish(id: id, group: group, payload: payload, isDurable: isDurable)
        try check(payload, in: frame)
        guard state.phase != .finished else { throw AgentError.stopped }
        try outbox.add(id: id, frame: frame, bytes: payload.bytes.readableBytes)
        waiters[id] = done
        flushOutbox()
    }

    func newID() -> String { ids.next(milliseconds: UInt64(Date().timeIntervalSince1970 * 1000)) }

    func writeJoin(_ group: GroupName) {
        let wish = wishes[group, default: GroupWish()]
        write(.join(group: group, history: wantsHistory(group) ? wish.history : nil, watch: wish.watch))
    }

    /// A group whose history is still to come is not named in the URL, since pushes would come before it.
    func wantsHistory(_ group: GroupName) -> Bool {
        let channel = "group:" + group.rawValue
        return wishes[group]?.history ?? 0 > 0 && seen[channel] == nil && memory.offsets[channel] == nil
    }

    /// The node tells something about groups: it waits for its turn behind the pushes before it.
    func received(_ event: GroupEvent, bytes: Int) {
        let isFull = gate.add(bytes: bytes)
        arrivals.continuation.yield(.group(event, bytes: bytes))
        if isFull { updateReading() }
    }

    func handle(_ arrival: Arrival) async {
        switch arrival {
        case .push(let push, let bytes): await handle(push, bytes: bytes)
        case .group(let event, let bytes):
            await handlers.onGroup(event)
            if gate.remove(bytes: bytes) { updateReading() }
            flushAcks()
            endIfStopped()
        }
    }
}

/// What waits for its handler, in the order in which it came.
enum Arrival: Sendable {
    case push(ServerFrame.Push, bytes: Int)
    case group(GroupEvent, bytes: Int)
}
