import ArgumentParser
import NIOCore
import SwitchboardProtocol

struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Empty a node: its clients go to the others, each at its own moment.",
        discussion: """
            The node goes on running, and takes no clients until it is started again or taken back with --cancel. What is \
            pushed to its clients is delivered until the last has gone.
            """)

    @Argument(help: "The node's name, as 'switchboard nodes' shows it.")
    var node: NodeID

    @Flag(help: "Let it take clients again.")
    var cancel = false

    @Flag(help: "Return when the last client has gone.")
    var wait = false

    @OptionGroup var api: APIOptions

    func validate() throws {
        if cancel, wait { throw ValidationError("--cancel and --wait do not go together.") }
    }

    func run() async throws {
        try await Output.reporting {
            let path = "/v1/nodes/\(node.rawValue)/drain"
            var answer = try await cancel ? api.client.delete(path) : api.client.post(path, json: ByteBuffer())
            var state = try DrainAnswer.reading(answer)
            while wait, state.state == "draining" {
                try await Task.sleep(for: .milliseconds(500))
                // Asked once more, it says where it stands.
                answer = try await api.client.post(path, json: ByteBuffer())
                state = try DrainAnswer.reading(answer)
            }
            if api.json { return try Output.document(answer) }
            try Output.line("\(state.node) is \(state.state), with \(state.connections) connections")
        }
    }
}
