public import NIOCore
public import SwitchboardProtocol

/// What the owner of an agent does with what arrives.
public struct AgentHandlers: Sendable {
    /// Called for each push, one after the other, in the order of arrival; for a push that comes again it is called once.
    /// A push is acknowledged when it has returned. While it is slow the agent stops reading.
    ///
    /// An id is known for at least 1000 pushes and 10 minutes, unless more than 20 000 pushes come in that time.
    public var onPush: @Sendable (ServerFrame.Push) async -> Void
    /// Called for each command, up to eight at once; for a command that comes again it is called once, and the result is repeated
    /// (for at least 1000 commands and 10 minutes, unless more than 5000 come in that time or the results have over 8 MiB).
    ///
    /// Its task is cancelled when nobody waits for the result any more. What it throws becomes a result with the status 500.
    /// Without it every command is answered with ``CommandResult/unknownCommand``.
    public var onCommand: (@Sendable (CommandRequest) async throws -> CommandResult)?
    /// Called for each event, one after the other. Of events that wait, the newest 64 are kept.
    public var onEvent: @Sendable (AgentEvent) async -> Void
    /// Called for what is told about groups, in one order with the pushes.
    public var onGroup: @Sendable (GroupEvent) async -> Void = { _ in }
    /// Gives a JSON object of at most 4 KB to be kept in presence, or nil for nothing to report.
    public var health: (@Sendable () async -> ByteBuffer?)?

    public init(
        onPush: @escaping @Sendable (ServerFrame.Push) async -> Void = { _ in },
        onCommand: (@Sendable (CommandRequest) async throws -> CommandResult)? = nil,
        onEvent: @escaping @Sendable (AgentEvent) async -> Void = { _ in },
        health: (@Sendable () async -> ByteBuffer?)? = nil
    ) {
        self.onPush = onPush
        self.onCommand = onCommand
        self.onEvent = onEvent
        self.health = health
    }
}
