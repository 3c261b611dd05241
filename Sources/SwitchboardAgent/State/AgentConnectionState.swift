import NIOCore
import SwitchboardProtocol
import SwitchboardWebSocket

/// The life of an agent's connection without I/O: what happened goes in, what to do comes out.
///
/// ```
/// idle -> connecting -> opening -> online -> closing -> waiting -> connecting ...
///              |           |         |          |          |
///              '-----------'---------'----------'----------'-> finished
/// ```
///
/// One deadline, ``wakeAt``, stands for every timer; its owner calls ``wake(_:)`` when it has passed.
struct AgentConnectionState {
    enum Action: Equatable {
        /// Begin an attempt to connect.
        case connect
        case send(ClientFrame)
        /// Write a close frame; without a body for a code that may not stand on the wire.
        case close(CloseCode, String)
        /// Answer a WebSocket ping (RFC 6455 section 5.5.3).
        case pong(ByteBuffer)
        /// End the TCP connection, or the attempt, at once.
        case cut
        /// The session has begun: send what waits.
        case begin
        /// The session is over: what was not acknowledged waits for the next one.
        case end(CloseCode)
        /// Say hello: the node waits for it.
        case greet
        /// Where the histories stand that our hello named.
        case resumed([String: ServerFrame.Hello.Channel])
        /// With the bytes of its whole frame: what the payload is cut from is kept as a whole.
        case push(ServerFrame.Push, bytes: Int)
        case group(GroupEvent, bytes: Int)
        case command(ServerFrame.Command)
        /// Nobody waits for this command's result any more.
        case cancel(id: String)
        case terminal(TerminalOrder)
        case acknowledged(ref: String)
        case rejected(ref: String, code: String, message: String)
        case event(AgentEvent)
        /// The agent's life ends.
        case finish(AgentError?)
    }

    /// An open WebSocket.
    struct Link: Equatable {
        /// When the node said hello; nil before.
        var since: NIODeadline?
        var lastTraffic: NIODeadline
        /// When the node wants the agent to reconnect.
        var goaway: NIODeadline?
        /// Nothing is read because the handler of pushes is slow, or the socket does not take our answers.
        var isPaused = false
    }

    /// A link on its way to its end, and why.
    struct Ending: Equatable {
        var code: CloseCode
        var reason: String
        var link: Link
    }

    enum Phase: Equatable {
        case idle
        case connecting
        case opening(Link)
        case online(Link)
        case closing(Ending)
        case waiting
        case finished
    }

    struct Limits: Equatable {
        var connectTimeout = 10.0
        var helloTimeout = 10.0
        var closeTimeout = 3.0
    }

    /// The longest delay in seconds that is obeyed: a bound that keeps a wrong clock or node from silencing the agent for ever.
    static let longestDelay = 86_400.0

    var phase = Phase.idle
    var wakeAt: NIODeadline?
    var policy = ReconnectPolicy()
    var heartbeat = Heartbeat()
    var isStopping = false
    let limits: Limits
    let random: @Sendable () -> Double

    /// - Parameter random: Gives numbers in 0..<1, for the jitter.
    init(limits: Limits = Limits(), random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }) {
        self.limits = limits
        self.random = random
    }

    var isOnline: Bool {
        if case .online = phase { true } else { false }
    }

    // MARK: attempts

    mutating func start(_ now: NIODeadline) -> [Action] {
        guard phase == .idle else { return [] }
        return attempt(now)
    }

    mutating func attempt(_ now: NIODeadline) -> [Action] {
        phase = .connecting
        wakeAt = now + .seconds(limits.connectTimeout)
        return [.connect]
    }

    /// The WebSocket is open; the node's `hello` is awaited.
    mutating func opened(_ now: NIODeadline) -> [Action] {
        guard phase == .connecting else { return [.cut] }
        phase = .opening(Link(lastTraffic: now))
        wakeAt = now + .seconds(limits.helloTimeout)
        return []
    }

    /// The open WebSocket takes frames of ours.
    mutating func upgraded() -> [Action] {
        if case .opening = phase { [.greet] } else { [] }
    }

    mutating func attemptFailed(_ reason: String, atLeast: Double? = nil, _ now: NIODeadline) -> [Action] {
        guard phase == .connecting else { return [] }
        let delay = min(
            policy.delay(afterLifetime: nil, atLeast: bounded(atLeast), random: random()), Self.longestDelay)
        phase = .waiting
        wakeAt = now + .seconds(delay)
        return [.event(.attemptFailed(reason: reason, retryIn: delay))]
    }

    /// The node answered the upgrade with another status than 101.
    mutating func refused(_ refusal: Refusal, _ now: NIODeadline) -> [Action] {
        guard phase == .connecting else { return [] }
        switch refusal.status {
        case 400, 401, 403:
            return [.event(.attemptFailed(reason: refusal.description, retryIn: nil))]
                + finish(.refused(status: refusal.status, code: refusal.code, message: refusal.message))
        default: return attemptFailed(refusal.description, atLeast: refusal.retryAfter, now)
        }
    }

    // MARK: the end

    /// The owner wants the agent to end: the link is closed with 1000.
    mutating func stop(_ now: NIODeadline) -> [Action] {
        isStopping = true
        switch phase {
        case .idle, .waiting: return finish(nil)
        case .connecting: return [.cut] + finish(nil)
        case .opening(let link), .online(let link): return close(link, .normal, "", now)
        case .closing, .finished: return []
        }
    }

    /// The agent cannot go on.
    mutating func fail(_ error: AgentError, _ now: NIODeadline) -> [Action] {
        switch phase {
        case .finished: return []
        case .online:
            let lost = AgentEvent.disconnected(code: .abnormal, reason: error.description, retryIn: nil)
            return [.cut, .end(.abnormal), .event(lost)] + finish(error)
        case .idle, .connecting, .opening, .closing, .waiting: return [.cut] + finish(error)
        }
    }

    mutating func finish(_ error: AgentError?) -> [Action] {
        phase = .finished
        wakeAt = nil
        return [.finish(error)]
    }

    /// The deadline ``wakeAt`` has passed.
    mutating func wake(_ now: NIODeadline) -> [Action] {
        guard let due = wakeAt, due <= now else { return [] }
        wakeAt = nil
        switch phase {
        case .idle, .finished: return []
        case .waiting: return attempt(now)
        case .connecting:
            return attemptFailed("no answer within \(limits.connectTimeout.brief) s", now) + [.cut]
        case .opening(let link):
            return close(link, .protocolError, "no hello within \(limits.helloTimeout.brief) s", now)
        case .online(let link): return look(at: link, now)
        case .closing(let ending): return [.cut] + conclude(ending, now)
        }
    }

    func bounded(_ seconds: Double?) -> Double? {
        seconds.map { min(max($0, 0), Self.longestDelay) }
    }
}
