import DequeModule
import NIOCore
import SwitchboardCore

/// What belongs to which reply on one connection: commands are answered in their order, until a `SUBSCRIBE` turns the
/// connection into one that only listens.
struct CommandQueue {
    private struct Waiting {
        var command: PendingCommand
        var deadline: NIODeadline
    }

    private enum State {
        case open
        case closed(BusError)
    }

    enum SendAction {
        case send
        /// Send; nothing was waiting before, so the timer is to be set.
        case sendAndArm(NIODeadline)
        case fail([PendingCommand], BusError)
    }

    enum ReplyAction {
        case complete(PendingCommand, RESPReply)
        /// Complete, then close: Redis cannot do what a node needs.
        case completeAndClose(PendingCommand, RESPReply, RedisTrouble)
        /// Something published, or the confirmation of a subscription.
        case deliver(RESPReply)
        case close(RedisTrouble)
    }

    enum DeadlineAction: Equatable {
        case nothing
        case arm(NIODeadline)
        case close(RedisTrouble)
    }

    private var state = State.open
    private var waiting: Deque<Waiting> = []
    private var isListening = false

    /// Commands are about to be sent, to be answered until `deadline`.
    mutating func send(_ commands: [PendingCommand], deadline: NIODeadline) -> SendAction {
        if case .closed(let error) = state { return .fail(commands, error) }
        let wasIdle = waiting.isEmpty
        for command in commands { waiting.append(Waiting(command: command, deadline: deadline)) }
        return wasIdle && !waiting.isEmpty ? .sendAndArm(deadline) : .send
    }

    /// From here on, what comes when no command waits was published.
    mutating func listen() { isListening = true }

    mutating func received(_ reply: RESPReply) -> ReplyAction {
        if case .closed = state { return .deliver(.null) }
        guard let first = waiting.popFirst() else {
            guard isListening else { return .close(.protocolError("a reply to nothing")) }
            if case .error(let text) = reply { return .close(RedisTrouble(reply: text)) }
            return .deliver(reply)
        }
        if case .error(let text) = reply, let trouble = RedisTrouble(fatalReply: text) {
            return .completeAndClose(first.command, reply, trouble)
        }
        return .complete(first.command, reply)
    }

    /// The timer has fired. One timer serves all commands: deadlines rise in the order of the queue.
    mutating func deadlinePassed(now: NIODeadline) -> DeadlineAction {
        guard case .open = state, let first = waiting.first else { return .nothing }
        return first.deadline <= now ? .close(.timeout) : .arm(first.deadline)
    }

    /// - Returns: The commands that will not be answered any more.
    mutating func close(_ error: BusError) -> [PendingCommand] {
        guard case .open = state else { return [] }
        state = .closed(error)
        defer { waiting = [] }
        return waiting.map(\.command)
    }
}
