import NIOCore
import SwitchboardAgent
import SwitchboardProtocol

/// Sends the lines of a file up, one after the other.
struct FollowWork {
    let agent: Agent

    func run(path: String) async {
        do {
            try await FileFollower(path: path).run { line in
                let payload = Payload(format: .text, bytes: ByteBuffer(string: line))
                do { try await agent.send(payload, timeout: .seconds(86_400)) } catch let error as AgentError {
                    guard error != .stopped else { throw error }
                    Output.note("switchboard: a line of \(path) was not sent: \(error)")
                }
            }
        } catch is CancellationError {
            return
        } catch AgentError.stopped {
            return
        } catch {
            Output.note("switchboard: \(path): \(error)")
        }
    }
}
