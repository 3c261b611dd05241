import FoundationEssentials
import SwitchboardAgent
import SwitchboardProtocol

/// What happened to the connection, in one line.
enum EventLine {
    static func text(_ event: AgentEvent) -> String {
        "\(Clock.now()) " + words(event)
    }

    private static func words(_ event: AgentEvent) -> String {
        switch event {
        case .connected(let hello):
            return "connected as \(hello.client) to node \(hello.node), session \(hello.session), epoch \(hello.epoch)"
        case .disconnected(let code, let reason, let retryIn):
            return "disconnected: \(reason.isEmpty ? "no reason given" : reason) (\(code.rawValue))" + retry(retryIn)
        case .attemptFailed(let reason, let retryIn): return "no connection: \(reason)" + retry(retryIn)
        case .goaway(let reason, let seconds): return "asked to reconnect in \(rounded(seconds)) s: \(reason)"
        case .missed(let channel): return "pushes to \(channel) were missed that the node does not keep any more"
        case .refused(let code, let message): return "refused: \(code): \(message)"
        }
    }

    static func text(_ event: GroupEvent) -> String {
        "\(Clock.now()) " + words(event)
    }

    private static func words(_ event: GroupEvent) -> String {
        switch event {
        case .members(let group, let members, let isComplete):
            return "in \(group) are \(members.count) clients" + (isComplete ? "" : " or more")
        case .presence(let group, let joined, let left):
            let changes = joined.map { "+\($0.client)" } + left.map { "-\($0)" }
            return "in \(group): " + changes.joined(separator: " ")
        case .missed(let channel, let count):
            return "\(count) pushes to \(channel) were left out, since this reads too slowly"
        }
    }

    private static func retry(_ seconds: Double?) -> String {
        seconds.map { "; next attempt in \(rounded($0)) s" } ?? ""
    }

    private static func rounded(_ seconds: Double) -> String { "\((seconds * 10).rounded() / 10)" }
}

/// The time of day for lines that people read.
enum Clock {
    /// UTC with milliseconds (RFC 3339).
    static func now() -> String {
        Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
