public import Logging
public import NIOCore
import NIOPosix
public import SwitchboardProtocol
import SwitchboardWebSocket

/// A client that stays connected to a Switchboard cluster: it obeys the node's tuning, reconnects for ever with the
/// contract's back-off, hands over every push once, answers commands and sends messages until they are acknowledged.
///
/// ```swift
/// var configuration = AgentConfiguration(url: "ws://127.0.0.1:8080", client: ClientID(rawValue: "kiosk-7"))
/// configuration.stateFile = "kiosk-7.state"
/// let agent = Agent(
///     configuration: configuration,
///     handlers: AgentHandlers(
///         onPush: { push in print(push.id, String(buffer: push.payload.bytes)) },
///         onCommand: { command in
///             guard command.name == "uptime" else { return .unknownCommand }
///             return CommandResult(payload: Payload(format: .json, bytes: ByteBuffer(string: "42")))
///         }))
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
    /// How the agent is in those groups for which that is not as usual.
    var wishes: [GroupName: GroupWish] = [:]
    /// The groups that the newest attempt to connect named.
    var namedGroups: [GroupName] = []
    var outbox: Outbox
    var gate: PushGate
    var acks = AckKeeper()
    var desk: CommandDesk
    var runningCommands: [String: RunningCommand] = [:]
    var memory = AgentMemory()
    var stateFile: StateFile?
    var hasStateFailed = false
    /// The channels whose histories are resumed, and the newest offset that came from each since the process began; the
    /// memory's offsets are those of pushes that were handled.
    var followed: Set<String>
    var seen: [String: String] = [:]
    var ids = ULIDGenerator()
    var waiters: [String: (Result<Void, any Error>) -> Void] = [:]

    var terminals = TerminalBook()

    /// nil while commands need not be signed.
    var commandGuard: CommandGuard?
    var connector: Connector?
    /// What asks for a token and connects.
    var attempt: Task<Void, Never>?
    var credentials = Credentials()
    var renewal: Task<Void, Never>?
    var renewalTimer: Scheduled<Void>?
    /// Counts the attempts; whatever belongs to an older one is not heard any more.
    var linkNumber = 0
    var link: (any Channel)?
    /// Of the link, if compression was agreed on.
    var deflater: Deflater?
    /// Every channel that is not closed yet, the link's included.
    var channels: [ObjectIdentifier: any Channel] = [:]
    var isReading = true
    /// A push of the mailbox on this link was not handled.
    var hasSkippedMail = false

    var wakeTimer: Scheduled<Void>?
    var armedAt: NIODeadline?
    var outboxTimer: Scheduled<Void>?
    var healthTimer: Scheduled<Void>?
    var healthTask: Task<Void, Never>?
    var ackTimer: Scheduled<Void>?
    var stopTimer: Scheduled<Void>?
    var isStopping = false
    /// Handlers that wait until a link takes their output.
    var roomWaiters: [Int: CheckedContinuation<Void, Never>] = [:]
    var lastWaiter = 0

    let arrivals = AsyncStream.makeStream(of: Arrival.self)
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
        let history = min(max(configuration.groupHistory, 0), ClientFrame.maximumHistory)
        if history > 0 {
            wishes = Dictionary(configuration.groups.map { ($0, GroupWish(history: history)) }) { first, _ in first }
        }
        followed = Self.followed(configuration.groups)
        desk = CommandDesk(bytesLimit: configuration.inboundBytesLimit)
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
    /// ``stop()`` lets the handlers end; a cancellation cancels them, and a push whose handler was cancelled counts as not
    /// handled.
    ///
    /// - Throws: ``AgentError`` when the configuration or the state file cannot work, or the node refused the agent for good.
    public func run() async throws {
        guard !hasRun else { throw AgentError.alreadyRun }
        hasRun = true
        do {
            let connector = try Connector(configuration)
            self.connector = connector
            commandGuard = try CommandGuard(configuration)
            if configuration.token != nil, !connector.endpoint.keepsSecrets {
                logger.warning("the token goes over the network as it is, for all on the way to see: take wss://")
            }
            if configuration.terminals != nil, commandGuard != nil {
                logger.warning("commands have to be signed, but terminals are open to whoever controls a node")
            }
            try await openState()
        } catch {
            stop()
            throw error
        }
        defer { closeState() }
        let pushTask = Task { [arrivals] in
            for await arrival in arrivals.stream { await handle(arrival) }
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
            Task { await self.endNow() }
        }
        await pushTask.value
        for command in runningCommands.values { await command.task.value }
        await eventTask.value
        if let error { throw error }
    }

    /// Takes the session out of a group.
    public func leave(_ group: GroupName) {
        guard let index = groups.firstIndex(of: group) else { return }
        groups.remove(at: index)
        wishes[group] = nil
        forget(group)
        if state.isOnline { write(.leave(group: group)) }
    }
}
