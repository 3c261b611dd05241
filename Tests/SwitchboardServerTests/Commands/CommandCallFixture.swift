import NIOCore
import NIOEmbedded
import SwitchboardProtocol
import Synchronization

@testable import SwitchboardCore
@testable import SwitchboardServer

/// The commands of a node whose clients answer what the test says; its time stands still unless a call lets it pass.
struct CommandCallFixture {
    let cluster = InProcessCluster()
    let node = NodeID(unchecked: "n1")
    let loop = NIOAsyncTestingEventLoop()
    let commands: Commands
    let clients = ScriptedClients()

    init() {
        let (bus, store) = cluster.makeNode(node)
        commands = Commands(bus: bus, store: store, loop: loop)
        clients.commands.withLock { [commands] in $0 = commands }
        bus.attach(clients)
    }

    func call(_ change: (inout CommandOrder) -> Void = { _ in }, to name: String = "a") -> CommandCall {
        var order = CommandOrder(name: "open", payload: Payload(format: .json, bytes: ByteBuffer(string: "1")))
        change(&order)
        return CommandCall(order, to: client(name), commands: commands)
    }

    /// Carries the command through.
    ///
    /// - Parameter passesTime: Whether the loop's time passes meanwhile.
    func outcome(_ call: CommandCall, passesTime: Bool = false) async throws -> CommandOutcome {
        let pump = Task { [loop] in
            while passesTime, !Task.isCancelled {
                await loop.advanceTime(by: .milliseconds(100))
                await Task.yield()
            }
        }
        defer { pump.cancel() }
        return try await call.run(living: { [node] in [node] })
    }

    func record(_ id: CommandID) -> CommandRecord? {
        cluster.ledger.read(.command(id)).flatMap { CommandRecord($0) }
    }
}

/// Clients on all nodes.
final class ScriptedClients: BusReceiver {
    let commands = Mutex<Commands?>(nil)
    private struct State {
        var script: [[CommandEvent.Kind]] = []
        var rest: [CommandEvent.Kind] = []
        var received: [BusCommand] = []
    }

    private let state = Mutex(State())
    /// Everything that comes.
    let messages: AsyncStream<BusMessage>
    private let continuation: AsyncStream<BusMessage>.Continuation

    init() { (messages, continuation) = AsyncStream.makeStream(of: BusMessage.self) }

    /// What is told of the next commands, each in turn.
    func answer(_ script: [CommandEvent.Kind]...) { state.withLock { $0.script += script } }

    /// What is told of all commands after these; nothing unless it is said.
    func answerRest(_ kinds: [CommandEvent.Kind]) { state.withLock { $0.rest = kinds } }

    var received: [BusCommand] { state.withLock { $0.received } }

    func receive(_ message: BusMessage) {
        if case .command(let command) = message {
            let kinds = state.withLock { state in
                state.received.append(command)
                return state.script.isEmpty ? state.rest : state.script.removeFirst()
            }
            for kind in kinds { tell(kind, of: command.id) }
        }
        continuation.yield(message)
    }

    func tell(_ kind: CommandEvent.Kind, of id: CommandID) {
        let commands = commands.withLock { $0 }
        commands?.received(CommandEvent(id: id, node: NodeID(unchecked: "n1"), kind: kind))
    }

    func busWasLost() {}
    func busDidRecover() {}
}
