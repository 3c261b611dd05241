public import Logging
public import NIOCore
import NIOPosix
public import SwitchboardProtocol

/// A client that stays connected to a Switchboard cluster: it obeys the node's tuning, reconnects for ever with the
/// contract's back-off, hands over every push and sends messages until they are acknowledged.
///
/// ```swift
/// let agent = Agent(
///     configuration: AgentConfiguration(url: "ws://127.0.0.1:8080", client: ClientID(rawValue: "kiosk-7")),
///     handlers: AgentHandlers(onPush: { push in print(push.id, String(buffer: push.payload.bytes)) }))
/// try await agent.run()
/// ```
///
/// The actor runs on one event loop, so what a socket delivers is handled without a hop.
public actor Agent {
    public nonisolated let eventLoop: any EventLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    let configuration: AgentConfiguration
    let handlers: AgentHandlers
    let logger: Logger

    var state: AgentConnectionState
    var groups: [GroupName]
    var outbox: Outbox
    var gate: PushGate
    var ids = ULIDGenerator()
    var waiters: [String: CheckedContinuation<Void, any Error>] = [:]

    var connector: Connector?
    /// Counts the attempts; whatever belongs to an older one is not heard any more.
    var linkNumber = 0
    var link: (any Channel)?
    /// Every channel that is not closed yet, the link's included.
    var channels: [ObjectIdentifier: any Channel] = [:]
    var isReading = true

    var wakeTimer: Scheduled<Void>?
    var armedAt: NIODeadline?
    var outboxTimer: Scheduled<Void>?
    var healthTimer: Scheduled<Void>?
    var healthTask: Task<Void, Never>?

    let pushes = AsyncStream.makeStream(of: ServerFrame.Push.self)
    let events = AsyncStream.makeStream(of: AgentEvent.self, bufferingPolicy: .bufferingNewest(64))
    var finished: CheckedContinuation<AgentError?, Never>?
    var hasRun = false

    /// - Parameters:
    ///   - configuration: Where and how to connect.
    ///   - handlers: What to do with what arrives.
    ///   - eventLoop: Where the agent runs; one of the process's shared loops unless given.
    ///   - logger: For what concerns the agent's developer; events for people come through ``AgentHandlers/onEvent``.
    public init(
        configuration: AgentConfiguration, handlers: AgentHandlers = AgentHandlers(), eventLoop: (any EventLoop)? = nil,
        logger: Logger = Logger(label: "switchboard.agent")
    ) {
        self.init(configuration: configuration, handlers: handlers, eventLoop: eventLoop, logger: logger) {
            Double.random(in: 0..<1)
        }
    }

    /// - Parameter random: Gives numbers in 0..<1 for the jitter, so that tests need not wait for it.
    init(
        configuration: AgentConfiguration, handlers: AgentHandlers, eventLoop: (any EventLoop)? = nil, logger: Logger,
        random: @escaping @Sendable () -> Double
    ) {
        self.configuration = configuration
        self.handlers = handlers
        self.eventLoop = eventLoop ?? MultiThreadedEventLoopGroup.singleton.any()
        self.logger = logger
        groups = configuration.groups
        outbox = Outbox(
            limit: configuration.outboundLimit, bytesLimit: configuration.outboundBytesLimit,
            rate: configuration.messageRate, burst: configuration.messageBurst)
        gate = PushGate(limit: configuration.inboundLimit, bytesLimit: configuration.inboundBytesLimit)
        state = AgentConnectionState(
            limits: AgentConnectionState.Limits(
                connectTimeout: configuration.connectTimeout, helloTimeout: configuration.helloTimeout,
                closeTimeout: configuration.closeTimeout),
            random: random)
    }

    /// Connects, and stays connected until ``stop()`` is called or the task is cancelled; either closes the link with 1000.
    ///
    /// After ``stop()`` the pushes that were received are still handled; after a cancellation they are not.
    ///
    /// - Throws: ``AgentError`` when the configuration cannot work, or the node refused the agent for good.
    public func run() async throws {
        guard !hasRun else { throw AgentError.alreadyRun }
        hasRun = true
        do { connector = try Connector(configuration) } catch {
            stop()
            throw error
        }
        let pushTask = Task { [handlers, pushes] in
            for await push in pushes.stream {
                await handlers.onPush(push)
                self.handled(push)
            }
        }
        let eventTask = Task { [handlers, events] in
            for await event in events.stream { await handlers.onEvent(event) }
        }
        let error: AgentError? = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // It may have been stopped before it ran.
                guard state.phase == .idle else { return continuation.resume(returning: nil) }
                finished = continuation
                perform(state.start(.now()))
            }
        } onCancel: {
            pushTask.cancel()
            Task { await self.stop() }
        }
        await pushTask.value
        await eventTask.value
        if let error { throw error }
    }

    /// Closes the link with 1000 and lets ``run()`` return.
    public func stop() {
        perform(state.stop(.now()))
    }

    /// Puts the session into a group, now and after every reconnect. A node that does not allow it says so by
    /// ``AgentEvent/refused(code:message:)``.
    public func join(_ group: GroupName) {
        guard !groups.contains(group) else { return }
        groups.append(group)
        if state.isOnline { write(.join(group: group)) }
    }

    /// Takes the session out of a group.
    public func leave(_ group: GroupName) {
        guard let index = groups.firstIndex(of: group) else { return }
        groups.remove(at: index)
        if state.isOnline { write(.leave(group: group)) }
    }
}
