import NIOCore
import NIOWebSocket
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardWebSocket

/// The connection of an operator: what happens, figures, and orders, over one WebSocket. Its event loop owns it, as with a
/// client's ``Session``; nothing else touches it.
final class LiveSession: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase {
        /// A `hello` with a key is awaited.
        case unidentified
        /// It has come and is looked at.
        case checking
        case open
        /// Our close frame is on its way.
        case closing
        case closed
    }

    static let maximumWatches = 8
    /// Bytes that may wait for an operator who reads slowly.
    private static let maximumUnsent = 1 << 20
    /// So much of that is left to answers by what can be left out, which is events and the output of terminals.
    static let reserve = 256 << 10
    /// Ticks of the shards' length for which the key, and the peer's close frame, are awaited.
    private static let helloTicks = Shard.ticks(seconds: 10)
    private static let closeTicks = Shard.ticks(seconds: 5)
    /// Frames that may come while a key is looked at.
    private static let maximumEarly = 32

    /// Among all sockets of all nodes.
    let id = RequestID.new()
    let node: Node
    let loop: any EventLoop
    /// Of the operator.
    let address: String
    private(set) var phase = Phase.unidentified
    private var caller: LiveCaller?
    private var place: LiveSockets.Place?
    private var context: ChannelHandlerContext?
    private var reader: MessageReader
    private var inbound: TokenBucket
    private var early: [LiveFrame] = []
    private var whenClosed: [() -> Void] = []

    private var ticker: Scheduled<Void>?
    private var now: UInt64 = 0
    private var heartbeat: Heartbeat
    private var heartbeatTick: UInt64
    private var closeTick = UInt64.max

    /// Frames of this turn of the loop.
    private var pending: ByteBuffer?
    /// Bytes that are in no socket yet.
    private var unsent = 0
    /// Bytes of all frames so far.
    private(set) var handed = 0
    private var closesAfterFlush: CloseMode?

    /// The operator's own names of its watches.
    var watches: [String: WatcherFeed] = [:]
    private lazy var terminals = LiveTerminals(self)
    /// Events that did not fit, by watch.
    var lostEvents: [String: Int] = [:]

    /// - Parameter caller: nil when a key is still to be shown.
    init(node: Node, loop: any EventLoop, address: String, caller: LiveCaller?) {
        self.node = node
        self.loop = loop
        self.address = address
        self.caller = caller
        reader = MessageReader(side: .server, maximumMessageBytes: LiveFrame.maximumBytes)
        let rate = node.configuration.inboundRate
        let burst = max(2 * rate, 2 * LiveFrame.maximumBytes)
        inbound = TokenBucket(rate: rate, burst: burst, now: MonotonicClock.nanoseconds())
        let interval = Shard.ticks(seconds: node.configuration.heartbeatInterval)
        heartbeat = Heartbeat(
            interval: UInt32(interval), timeout: UInt32(Shard.ticks(seconds: node.configuration.heartbeatTimeout)))
        heartbeatTick = interval
    }

    /// Who is connected; nil until that is known.
    var principal: Principal? { phase == .open ? caller?.principal : nil }

    /// Whether the operator may have terminals on clients' machines.
    var mayOperateTerminals: Bool { principal?.scopes.contains(.admin) ?? false }

    /// Runs `body` on the loop when the socket has ended, whatever ended it; at once when that is so already.
    func onClose(_ body: @escaping () -> Void) {
        if isInTalk { whenClosed.append(body) } else { body() }
    }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        arm()
        if let caller {
            admit(caller)
        } else if node.live.take(.stranger(address)) {
            place = .stranger(address)
        } else {
            close(.overloaded, reason: "too many sockets wait for their keys")
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // The node stops, and its sessions have gone.
        if event is ChannelShouldQuiesceEvent { close(.nodeDraining, reason: "the node stops: after=0.5") }
        context.fireUserInboundEventTriggered(event)
    }

    /// The socket is gone.
    private func end() {
        guard phase != .closed else { return }
        leave()
        phase = .closed
        ticker?.cancel()
        context = nil
        pending = nil
    }

    /// Takes part no more. Done once.
    private func leave() {
        guard isInTalk else { return }
        phase = .closing
        for id in Array(watches.keys) { unwatch(id) }
        node.live.stats.end(id)
        if let place { node.live.giveBack(place) }
        place = nil
        let bodies = whenClosed
        whenClosed = []
        for body in bodies { body() }
    }

    private var isInTalk: Bool { phase == .unidentified || phase == .checking || phase == .open }

    private func arm() {
        ticker = loop.assumeIsolated().scheduleTask(in: .milliseconds(Shard.tick)) { [self] in tick() }
    }

    private func tick() {
        now += 1
        arm()
        guard isInTalk else {
            if now >= closeTick { context?.close(promise: nil) }
            return
        }
        if let refusal = caller?.standing?.refusal { return refuse(refusal) }
        terminals.checkScope()
        if phase == .unidentified, now >= Self.helloTicks { return refuse(.missingCredentials) }
        guard now >= heartbeatTick else { return }
        switch heartbeat.due() {
        case .wait(let ticks): heartbeatTick = now + ticks
        case .ping(let ticks):
            append(FrameBuilder.message(.ping, ByteBuffer()))
            heartbeatTick = now + ticks
        case .dead: close(.noPong, reason: "no pong")
        }
    }

    // MARK: Who it is

    private func show(_ key: String) {
        phase = .checking
        let (node, loop) = (node, loop)
        let box = NIOLoopBound(self, eventLoop: loop)
        Task {
            let answer: Result<LiveCaller, Refusal>
            do throws(Refusal) { answer = .success(try await node.admitOperator(showing: ["Bearer " + key])) } catch {
                answer = .failure(error)
            }
            loop.execute { box.value.checked(answer) }
        }
    }

    private func checked(_ answer: Result<LiveCaller, Refusal>) {
        guard phase == .checking else { return }
        switch answer {
        case .success(let caller): admit(caller)
        case .failure(let refusal): refuse(refusal)
        }
    }

    private func admit(_ caller: LiveCaller) {
        if let place { node.live.giveBack(place) }
        place = node.live.take(.known) ? .known : nil
        guard place != nil else {
            return close(.overloaded, reason: "there are \(LiveSockets.limit) operator sockets already")
        }
        self.caller = caller
        phase = .open
        send(LiveFrame.hello(node, caller.principal))
        let frames = early
        early = []
        for frame in frames where phase == .open { obey(frame) }
    }

    private func refuse(_ refusal: Refusal) {
        let problem = node.refuse(refusal, .backend)
        close(problem.closeCode, reason: CloseCode.fitted(reason: "\(refusal.reason.rawValue): \(refusal.detail)"))
    }

    // MARK: The way in

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase != .closed else { return }
        heartbeat.heard()
        let bytes = unwrapInboundIn(data)
        guard mayRead(bytes.readableBytes) else { return }
        reader.feed(bytes)
        while phase != .closed, let event = reader.next() {
            guard mayRead(ServerConfiguration.frameCost) else { return }
            take(event)
        }
    }

    private func mayRead(_ cost: Int) -> Bool {
        guard !inbound.take(cost, now: MonotonicClock.nanoseconds()) else { return true }
        context?.channel.setOption(.autoRead, value: false).whenFailure { _ in }
        let reason = "more than \(node.configuration.inboundRate) bytes a second"
        close(.inboundRateExceeded, reason: reason, then: .output)
        return false
    }

    private func take(_ event: MessageEvent) {
        switch event {
        case .incomplete, .pong: break
        case .text(let text): if isInTalk { receive(text) }
        case .binary: close(.malformedMessage, reason: "a frame is a JSON object in a text frame")
        // Only the newest has to be answered (RFC 6455 section 5.5.3), and whoever reads nothing fills no memory.
        case .ping(let bytes):
            if isInTalk, hasRoom(for: bytes.readableBytes) { append(FrameBuilder.message(.pong, bytes)) }
        case .close(let code, let reason):
            guard isInTalk else {
                context?.close(promise: nil)
                return
            }
            close(code == .noStatus ? .normal : code, reason: reason, then: .all)
        // Closing with unread input would reset the connection and take our close frame with it.
        case .violation(let code, let reason): close(code, reason: reason, then: .output)
        }
    }

    private func receive(_ text: ByteBuffer) {
        let frame: LiveFrame
        do throws(JSONError) { frame = try LiveFrame(text) } catch {
            return close(.malformedMessage, reason: CloseCode.fitted(reason: "not a frame: \(error)"))
        }
        switch phase {
        case .open: obey(frame)
        case .unidentified: introduce(frame)
        case .checking where early.count < Self.maximumEarly: early.append(frame)
        case .checking: close(.inboundRateExceeded, reason: "too much before it is known who it is")
        case .closing, .closed: break
        }
    }

    private func introduce(_ frame: LiveFrame) {
        guard frame.type == "hello", let key = (try? frame.key()) ?? nil else { return refuse(.missingCredentials) }
        show(key)
    }

    private func obey(_ frame: LiveFrame) {
        do throws(LiveError) {
            switch frame.type {
            // Whoever has been let in already need not say hello, and changes nothing by it.
            case "hello": _ = try frame.key()
            // Pages see no WebSocket pings. Whoever reads nothing is told no more by it, and fills no memory.
            case "ping": if hasRoom(for: LiveFrame.pong.readableBytes) { send(LiveFrame.pong) }
            case "watch": try watch(frame)
            case "unwatch": unwatch(try frame.watchID())
            case "terminal": try terminals.obey(frame)
            case "stats": hearStats(every: try frame.interval())
            default: throw .unknownType(frame.type)
            }
        } catch { send(LiveFrame.error(error, ref: frame.ref)) }
    }

    private func hearStats(every seconds: Int) {
        guard seconds > 0 else { return node.live.stats.end(id) }
        let box = NIOLoopBound(self, eventLoop: loop)
        node.live.stats.listen(id, every: seconds, on: node) { [loop] frame in
            loop.execute { box.value.send(frame) }
        }
    }

    // MARK: The way out

    /// Sends a frame. An operator who is too slow for it is closed.
    func send(_ json: ByteBuffer) {
        guard phase == .open else { return }
        guard hasRoom(for: json.readableBytes) else {
            return close(.slowConsumer, reason: "more than \(Self.maximumUnsent) bytes wait")
        }
        append(FrameBuilder.message(.text, json))
    }

    /// Whether so many bytes more may wait, and as many as are to be left besides. The first that wait always may.
    func hasRoom(for bytes: Int, leaving reserve: Int = 0) -> Bool {
        unsent == 0 || unsent + bytes + reserve <= Self.maximumUnsent
    }

    private func append(_ frame: ByteBuffer) {
        unsent += frame.readableBytes
        handed += frame.readableBytes
        guard pending == nil else {
            pending?.writeImmutableBuffer(frame)
            return
        }
        pending = frame
        loop.assumeIsolated().execute { [self] in flush() }
    }

    private func flush() {
        guard let context, let bytes = pending else { return }
        pending = nil
        let count = bytes.readableBytes
        let promise = loop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [self] _ in
            unsent -= count
            if phase == .open { terminals.written(upTo: handed - unsent) }
            if unsent == 0, phase == .open { tellOfLostEvents() }
            if unsent == 0, let mode = closesAfterFlush { self.context?.close(mode: mode, promise: nil) }
        }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
    }

    /// Begins the close handshake (RFC 6455 section 7.1.2).
    ///
    /// - Parameter mode: What follows when the close frame is in the socket; nil to await the peer's.
    func close(_ code: CloseCode, reason: String, then mode: CloseMode? = nil) {
        guard isInTalk else { return }
        leave()
        closeTick = now + Self.closeTicks
        closesAfterFlush = mode
        append(FrameBuilder.close(code, reason: reason))
    }
}
