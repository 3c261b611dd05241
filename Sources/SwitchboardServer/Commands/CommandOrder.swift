import SwitchboardCore
import SwitchboardProtocol

/// What a backend asks of a client, checked.
struct CommandOrder: Sendable {
    /// Seconds that a client has when nothing else is said, and the most.
    static let standardTimeout = 30.0
    static let maximumTimeout = 600.0

    var name: String
    var payload: Payload
    /// Seconds for the client's answer.
    var timeout = standardTimeout
    /// Seconds for which an offline client is awaited.
    var connectTimeout = 0.0
    /// Chosen by the backend: a command of the same id runs once.
    var id: CommandID?
    /// The backend's trace, when it named one.
    var trace: TraceContext?
    /// The backend's signature, which the client checks.
    var signature: CommandSignature?
}

/// What came of a command.
enum CommandOutcome: Hashable, Sendable {
    /// The client's own answer; `milliseconds` since the command was accepted.
    case result(status: Int, Payload?, milliseconds: Int)
    case offline
    /// It was sent, and nothing came back in time.
    case noResult
    case unsupported
    case queueFull
    /// The id was used for another command.
    case conflict
    /// Its caller went away before it was answered.
    case cancelled
    case failed(BusError)
}
