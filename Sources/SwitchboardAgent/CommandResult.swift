import NIOCore
public import SwitchboardProtocol

/// What a command came to: the answer to who sent it.
public struct CommandResult: Hashable, Sendable {
    /// Like an HTTP status: 200-299 says that it went well.
    public var status: Int
    public var payload: Payload?

    public init(status: Int = 200, payload: Payload? = nil) {
        self.status = status
        self.payload = payload
    }

    /// A result that says in words what went wrong, as `{"error": text}`.
    public static func failure(_ status: Int, _ text: String) -> CommandResult {
        var buffer = ByteBuffer()
        var json = JSONObjectWriter(taking: &buffer)
        json.string("error", text)
        return CommandResult(status: status, payload: Payload(format: .json, bytes: json.finish()))
    }

    /// The answer to a command whose name the agent does not know: 404.
    public static let unknownCommand = failure(404, "unknown command")

    static let interrupted = failure(500, "the agent was restarted while it ran")
    static let unknownEnd = failure(500, "it was accepted before, and what became of it is not known")
    static let forgotten = failure(500, "its result is no longer kept")
    static let crowded = failure(429, "too many commands wait for their turn")
    static let stopping = failure(503, "the agent is stopping")
    static let cancelled = failure(499, "cancelled")
}
