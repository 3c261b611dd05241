public import SwitchboardProtocol

/// A command for ``AgentHandlers/onCommand``.
public struct CommandRequest: Sendable {
    /// Unique: a command with this id is run once.
    public let id: String
    public let name: String
    public let payload: Payload
    /// Seconds after which nobody waits for the result any more. The handler's task is then cancelled.
    public let timeout: Double
    /// The caller's trace, when it named one.
    public let trace: TraceContext?
    /// The key that signed it; nil when commands need not be signed.
    public let signedBy: SigningKeyID?
    private let stream: @Sendable (Payload) async throws -> Void

    /// - Parameter stream: Takes the pieces of ``output(_:)``.
    public init(
        id: String, name: String, payload: Payload, timeout: Double, trace: TraceContext? = nil,
        signedBy: SigningKeyID? = nil, stream: @escaping @Sendable (Payload) async throws -> Void
    ) {
        self.id = id
        self.name = name
        self.payload = payload
        self.timeout = timeout
        self.trace = trace
        self.signedBy = signedBy
        self.stream = stream
    }

    /// Sends a piece of the answer ahead of the result; pieces arrive in the order in which they were awaited.
    ///
    /// Returns when the piece is on its way: it waits while there is no link, or the node takes nothing more. A piece that is
    /// under way when a link is lost is not sent again.
    ///
    /// - Throws: ``AgentError`` when the piece cannot be sent or the agent has stopped, `CancellationError` when the command
    ///   was cancelled.
    public func output(_ payload: Payload) async throws {
        try await stream(payload)
    }
}
