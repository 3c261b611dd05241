import NIOCore
import NIOWebSocket
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardWebSocket

/// The way in: what the client sends.
extension Session {
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase != .closed else { return }
        heartbeat.heard()
        let bytes = unwrapInboundIn(data)
        guard mayRead(bytes.readableBytes, context) else { return }
        reader.feed(bytes)
        // What was compressed costs as much as what it has become.
        paidBytes += bytes.readableBytes
        while phase != .closed, let event = reader.next() {
            let size = event.size
            guard mayRead(ServerConfiguration.frameCost + max(0, size - paidBytes), context) else { return }
            paidBytes = max(0, paidBytes - size)
            take(event)
        }
    }

    private func take(_ event: MessageEvent) {
        switch event {
        case .incomplete: break
        case .text(let bytes):
            if isInTalk { mode == .raw ? accept(id: nil, Payload(format: .text, bytes: bytes)) : receive(bytes) }
        case .binary(let bytes):
            guard isInTalk else { return }
            if mode == .raw {
                accept(id: nil, Payload(format: .binary, bytes: bytes))
            } else {
                close(.malformedMessage, reason: "a framed message is a JSON object in a text frame")
            }
        case .ping(let bytes): if mayControl() { sendControl(FrameBuilder.message(.pong, bytes)) }
        case .pong: ponged()
        case .close(let code, let reason):
            // The client's own wish is orderly; its code is echoed (RFC 6455 section 5.5.1).
            if phase == .closing {
                close(code, reason: reason, isFinal: true)
            } else {
                close(code == .noStatus ? .normal : code, reason: reason, isFinal: true, isWished: true)
            }
        case .violation(let code, let reason): close(code, reason: reason, isFinal: true, lingers: true)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    /// Whether the client may send so much; else it is closed, and not read from any more. That holds for one that is being
    /// closed as well: to pass over a flood would cost as much as to obey it.
    ///
    /// - Parameter cost: Bytes, and for each frame ``ServerConfiguration/frameCost``.
    private func mayRead(_ cost: Int, _ context: ChannelHandlerContext) -> Bool {
        guard !inbound.take(cost, now: MonotonicClock.nanoseconds()) else { return true }
        context.channel.setOption(.autoRead, value: false).whenFailure { _ in }
        guard isInTalk else { return false }
        node.metrics.reached(.inboundRate)
        let reason = "more than \(node.configuration.inboundRate) bytes a second"
        close(.inboundRateExceeded, reason: reason, isFinal: true, lingers: true)
        return false
    }

    private var isInTalk: Bool { phase == .open || phase == .registering || phase == .unidentified }

    /// The session's timer is due.
    func timerDue(now: UInt64) {
        guard now >= timerTick else { return }
        switch phase {
        case .unidentified:
            if let request { introduceNobody(request) }
        case .registering, .closed: break
        case .closing: context?.close(promise: nil)
        case .open:
            guard access?.hasExpired(now: WallClock.milliseconds()) != true else {
                return close(.tokenExpired, reason: "the token has expired")
            }
            if now >= heartbeatTick { beat() }
            if phase == .open { arm() }
        }
    }

    private func beat() {
        switch heartbeat.due() {
        case .wait(let ticks): heartbeatTick = shard.now + ticks
        case .ping(let ticks):
            pingedAt = MonotonicClock.nanoseconds()
            if mode == .raw { sendControl(Session.pingFrame) } else { send(.ping) }
            heartbeatTick = shard.now + ticks
        case .dead: close(.noPong, reason: "no pong", isLost: true)
        }
    }

    private static let pingFrame = FrameBuilder.message(.ping, ByteBuffer())

    private func ponged() {
        guard phase == .open, let record else { return }
        // The answer to a ping of ours is no flood.
        guard pingedAt > 0 else {
            _ = mayControl()
            return
        }
        let nanoseconds = MonotonicClock.nanoseconds() - pingedAt
        let roundTrip = Double(nanoseconds) / 1_000_000
        pingedAt = 0
        shard.counters.roundTrip.record(Int(nanoseconds / 1000))
        shard.note(
            PresenceChange(
                client: record.client, epoch: epoch, lastSeenAt: WallClock.milliseconds(), roundTrip: roundTrip))
    }

    /// A framed message.
    private func receive(_ text: ByteBuffer) {
        let frame: ClientFrame
        do throws(FrameError) {
            frame = try ClientFrame(parsing: text)
        } catch .malformed(let reason) {
            return close(.malformedMessage, reason: "not a framed message: \(reason)")
        } catch {
            guard phase != .unidentified else { return close(.malformedMessage, reason: error.description) }
            guard mayControl() else { return }
            return send(.error(code: "invalid_frame", message: error.description, ref: nil))
        }
        if phase == .unidentified, let request {
            introduce(request, by: frame)
            if case .hello = frame { return }
            guard isInTalk else { return }
        }
        guard phase != .open else { return handle(frame) }
        // Its answer must not come before our hello.
        earlyBytes += text.readableBytes
        guard early.count < Self.maximumEarly, early.isEmpty || earlyBytes <= Self.maximumEarlyBytes else {
            return close(.inboundRateExceeded, reason: "too much before the session is open")
        }
        early.append(frame)
    }

    /// What a client may send before it has heard the node's hello.
    private static let maximumEarly = 100
    private static let maximumEarlyBytes = 64 * 1024

    /// What came before the session was open.
    func handleEarly() {
        guard !early.isEmpty else { return }
        let frames = early
        early = []
        earlyBytes = 0
        for frame in frames where phase == .open { handle(frame) }
    }

    private func handle(_ frame: ClientFrame) {
        switch frame {
        case .pong: ponged()
        case .message(let id, let payload): accept(id: id, payload)
        case .join(let group, let history, let watch):
            guard mayWrite(), mayChoose(group) else { return }
            guard history == nil || dealings.reads.take(now: MonotonicClock.nanoseconds()) else {
                node.metrics.reached(.histories)
                return send(
                    .error(code: "rate_limited", message: "too many histories at once", ref: group.rawValue))
            }
            enter(group, history: history, watch: watch)
        case .publish(let id, let group, let payload, let isDurable):
            publish(id, to: group, payload, isDurable: isDurable)
        case .leave(let group):
            guard mayWrite(), mayChoose(group), groupNames.contains(group) else { return }
            leave(group)
            noteGroups()
        case .health(let data):
            guard data.readableBytes <= ClientFrame.maximumHealthBytes else {
                let limit = ClientFrame.maximumHealthBytes
                guard mayControl() else { return }
                return send(.error(code: "invalid_frame", message: "health may have \(limit) bytes", ref: nil))
            }
            guard mayWrite() else { return }
            if phase == .open, let record {
                shard.note(
                    PresenceChange(
                        client: record.client, epoch: epoch, lastSeenAt: WallClock.milliseconds(), health: data))
                node.webhooks?.health(record, epoch: epoch, data)
                judge(data, of: record)
            }
        case .hello(let hello):
            guard mayControl() else { return }
            guard hello.token == nil, !hello.resume.isEmpty, phase == .open, let record else {
                return send(.error(code: "invalid_frame", message: "'hello' must be the first frame", ref: nil))
            }
            // Too late: newer pushes may be under way already. The client has to know that it must look elsewhere.
            let lost = ServerFrame.Hello.Channel(recovered: false, offset: "")
            send(.hello(self.hello(record, channels: hello.resume.filter { hears($0.key) }.mapValues { _ in lost })))
        case .ack(let offset): received(upTo: offset)
        case .received(let id): confirmed(id)
        case .result(let id, let status, let payload): result(id, status, payload)
        case .output(let id, let payload): if mayAnswer() { output(id, payload) }
        case .token(let token): renew(token)
        case .terminal(let report): if mayAnswer() { carry(report) }
        case .unknown(let type):
            guard mayControl() else { return }
            send(.error(code: "unknown_type", message: "the type '\(type)' is not known", ref: nil))
        }
    }

    /// Whether the client may have something written to the store; else it is closed. The rate is that of messages.
    func mayWrite() -> Bool {
        may(messages.take(now: MonotonicClock.nanoseconds()), node.configuration.messageRate, "messages")
    }

    /// Whether the client may have sent another frame that is no message and costs nobody but this loop: a ping, a pong, one
    /// that is only refused; else it is closed. Their rate is that of messages, counted apart from those.
    func mayControl() -> Bool {
        may(controls.take(now: MonotonicClock.nanoseconds()), node.configuration.messageRate, "control frames")
    }

    /// Whether the client may have sent another piece of an answer, which goes over the bus; else it is closed.
    private func mayAnswer() -> Bool {
        may(pieces.take(now: MonotonicClock.nanoseconds()), Self.pieceRate, "pieces of answers")
    }

    private func may(_ isWithin: Bool, _ rate: some CustomStringConvertible, _ what: String) -> Bool {
        if !isWithin { close(.inboundRateExceeded, reason: "more than \(rate) \(what) a second") }
        return isWithin
    }

    /// Pieces of answers a second; as many again may come at once.
    static let pieceRate = 1000

    /// An upstream message.
    private func accept(id: String?, _ payload: Payload) {
        guard mayWrite(), let record else { return }
        shard.counters.messagesUp += 1
        if node.events.isWatched {
            node.events.note(.messageReceived, .client(record.client)) { json in
                if let id { json.string("message", id) }
                json.integer("bytes", payload.bytes.readableBytes)
            }
        }
        guard node.configuration.upstream != .none else {
            if let id { send(.error(code: "upstream_off", message: "nobody takes messages here", ref: id)) }
            return
        }
        let message = UpstreamMessage(
            client: record.client, session: record.session, node: node.id, id: id, payload: payload,
            receivedAt: WallClock.milliseconds())
        let box = NIOLoopBound(self, eventLoop: shard.loop)
        let loop = shard.loop
        node.accept(message, epoch: epoch) { result in
            guard let id else { return }
            if loop.inEventLoop { return box.value.accepted(id, result.map { _ in }) }
            loop.execute { box.value.accepted(id, result.map { _ in }) }
        }
    }

    /// What the client has sent under this id has been accepted, or not.
    func accepted(_ id: String, _ result: Result<Void, BusError>) {
        switch result {
        case .success: send(.ack(ref: id))
        case .failure(let error): send(.error(code: "bus_unavailable", message: error.description, ref: id))
        }
    }
}

extension MessageEvent {
    /// Bytes of the message.
    fileprivate var size: Int {
        switch self {
        case .text(let bytes), .binary(let bytes), .ping(let bytes): bytes.readableBytes
        case .incomplete, .pong, .close, .violation: 0
        }
    }
}
