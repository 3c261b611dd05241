public import NIOCore
public import SwitchboardProtocol

/// What the owner of an agent does with what arrives.
public struct AgentHandlers: Sendable {
    /// Called for each push, one after the other, in the order of arrival. While it is slow the agent stops reading.
    public var onPush: @Sendable (ServerFrame.Push) async -> Void
    /// Called for each event, one after the other. Of events that wait, the newest 64 are kept.
    public var onEvent: @Sendable (AgentEvent) async -> Void
    /// Gives a JSON object of at most 4 KB to be kept in presence, or nil for nothing to report.
    public var health: (@Sendable () async -> ByteBuffer?)?

    public init(
        onPush: @escaping @Sendable (ServerFrame.Push) async -> Void = { _ in },
        onEvent: @escaping @Sendable (AgentEvent) async -> Void = { _ in },
        health: (@Sendable () async -> ByteBuffer?)? = nil
    ) {
        self.onPush = onPush
        self.onEvent = onEvent
        self.health = health
    }
}
