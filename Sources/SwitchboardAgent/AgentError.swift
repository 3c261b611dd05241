public import SwitchboardProtocol

/// Why the agent stopped, or a message was not sent. The description is fit for a person's eyes.
public enum AgentError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The configuration cannot work; the text names what is wrong.
    case invalidConfiguration(String)
    /// The node refused the WebSocket upgrade with an HTTP status that trying again does not cure (400, 401, 403).
    case refused(status: Int, code: String?, message: String)
    /// The node closed the link with a code of 4000-4099: reconnecting would end the same way.
    case closed(CloseCode, reason: String)
    /// ``Agent/run()`` may be called once.
    case alreadyRun
    /// The agent has ended; nothing can be sent any more.
    case stopped
    /// As many messages as the configuration allows wait for their acknowledgement.
    case outboxFull
    /// A message with this id is still waiting.
    case duplicateID(String)
    /// The message is larger than the node takes; the limit is in bytes.
    case messageTooLarge(limit: Int)
    /// The payload is not what its format says.
    case invalidPayload(String)
    /// The caller's deadline passed before the node acknowledged.
    case timedOut
    /// The state file cannot be used or written; the text says which and why. The agent stops rather than forget what it did.
    case stateFile(String)
    /// A command has ended: it can have no more output.
    case commandEnded
    /// The node answered the message with an error.
    case rejected(code: String, message: String)

    public var description: String {
        switch self {
        case .invalidConfiguration(let text): text
        case .refused(let status, let code, let message):
            "the node refused the connection: \(code.map { $0 + ": " } ?? "")\(message) (\(status))"
        case .closed(let code, let reason):
            "the node closed the connection for good: \(reason.isEmpty ? "no reason given" : reason) (\(code.rawValue))"
        case .alreadyRun: "an agent can be run only once"
        case .stopped: "the agent has stopped"
        case .outboxFull: "too many messages wait for their acknowledgement"
        case .duplicateID(let id): "a message with the id '\(id)' is still waiting"
        case .messageTooLarge(let limit): "a message may have \(limit) bytes"
        case .invalidPayload(let text): "the payload is not valid: \(text)"
        case .stateFile(let text): text
        case .commandEnded: "the command has ended"
        case .timedOut: "no acknowledgement in time"
        case .rejected(let code, let message): "\(code): \(message)"
        }
    }
}
