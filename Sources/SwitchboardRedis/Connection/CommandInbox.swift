import NIOCore
import SwitchboardCore
import Synchronization

/// Where any thread leaves commands for a connection. Its event loop takes all of them at once, so that what comes within one
/// tick costs one wake-up and leaves in one write.
final class CommandInbox: Sendable {
    private struct State {
        var buffer = CommandBuffer()
        var commands: [PendingCommand] = []
        /// Commands and bytes that were accepted and are not answered yet.
        var outstanding = 0
        var outstandingBytes = 0
        var isCollected = false
        var trouble: RedisTrouble?
        var accepted = 0

        mutating func ask() {
            let before = buffer.count
            buffer.command(arguments: 1)
            buffer.argument("ASKING" as StaticString)
            commands.append(PendingCommand(consumer: .nobody, bytes: buffer.count - before))
            outstanding += 1
            outstandingBytes += buffer.count - before
        }
    }

    enum Outcome {
        case accepted
        /// The first since the event loop was here: it must be told.
        case acceptedFirst
        case refused(BusError)
    }

    private let state = Mutex(State())
    private let limit: Int
    private let byteLimit: Int

    /// - Parameters:
    ///   - limit: Commands that may wait for their reply at once.
    ///   - byteLimit: Bytes that these may have.
    init(limit: Int, byteLimit: Int) {
        self.limit = limit
        self.byteLimit = byteLimit
    }

    /// Commands accepted since the beginning.
    var accepted: Int { state.withLock { $0.accepted } }

    /// Why it was closed; nil while it is open.
    var trouble: RedisTrouble? { state.withLock { $0.trouble } }

    /// - Parameters:
    ///   - isAsking: `ASKING` goes right before it.
    ///   - write: Writes exactly one command.
    func add(
        _ consumer: PendingCommand.Consumer, isAsking: Bool = false, _ write: (inout CommandBuffer) -> Void
    ) -> Outcome {
        state.withLock { state in
            if let trouble = state.trouble { return .refused(trouble.busError) }
            guard state.outstanding < limit, state.outstandingBytes < byteLimit else { return .refused(.overloaded) }
            if isAsking { state.ask() }
            let before = state.buffer.count
            write(&state.buffer)
            let bytes = state.buffer.count - before
            state.commands.append(PendingCommand(consumer: consumer, bytes: bytes))
            state.outstanding += 1
            state.outstandingBytes += bytes
            state.accepted += 1
            if state.isCollected { return .accepted }
            state.isCollected = true
            return .acceptedFirst
        }
    }

    /// Everything since the last time.
    func take() -> (bytes: [ByteBuffer], commands: [PendingCommand]) {
        state.withLock { state in
            state.isCollected = false
            var commands: [PendingCommand] = []
            swap(&commands, &state.commands)
            return (state.buffer.take(), commands)
        }
    }

    func answered(_ count: Int, bytes: Int) {
        state.withLock { state in
            state.outstanding -= count
            state.outstandingBytes -= bytes
        }
    }

    /// Refuses everything from now on; what was not taken yet is given back.
    func close(_ trouble: RedisTrouble) -> [PendingCommand] {
        state.withLock { state in
            if state.trouble == nil { state.trouble = trouble }
            _ = state.buffer.take()
            defer { state.commands = [] }
            return state.commands
        }
    }
}
