import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardWebSocket

/// The way out: frames gather in `pending` and leave in the shard's flush, straight to the socket when it takes them, else
/// through NIO's buffer, in order.
extension Session {
    /// Seconds for which the peer's close frame is awaited.
    private static let closeTimeout = 5.0

    func append(_ push: PreparedPush) {
        append(push.frame(form, by: shard.compressor))
        pendingPushes += 1
    }

    /// A push for this session alone, whose frame is built in the one form that it needs.
    func append(only push: BusPush) {
        append(
            mode == .raw
                ? shard.compressor.raw(push.payload, for: form.window)
                : shard.compressor.framed(push.frame, for: form.window))
        pendingPushes += 1
    }

    func append(_ frame: ByteBuffer) {
        // The first frame may be shared with other sessions; only a second one makes a copy.
        if pending == nil { pending = frame } else { pending?.writeImmutableBuffer(frame) }
    }

    /// A frame for this session alone, such as an answer to what it sent.
    func send(_ frame: ServerFrame) {
        guard phase == .open else { return }
        append(shard.compressor.framed(frame, for: form.window))
        shard.markDirty(self)
    }

    func sendControl(_ frame: ByteBuffer) {
        guard phase == .open || phase == .registering || phase == .unidentified else { return }
        append(frame)
        shard.markDirty(self)
    }

    /// Hands the frames of this turn over.
    func flushPending() -> Handover {
        guard let bytes = pending else { return phase == .closed ? .gone : handover }
        pending = nil
        let pushes = pendingPushes
        pendingPushes = 0
        if hasMissed { tellMissed() }
        handover = transmit(bytes, pushes: pushes)
        if phase == .closing { closeIfDone() }
        if queuedBytes == 0 { written() }
        return handover
    }

    /// Everything is in the socket, unless more has been gathered in this turn.
    private func written() {
        guard pending == nil else { return }
        if !awaited.isEmpty { confirmWritten() }
        if mail != nil { mailDrained() }
    }

    /// A broadcast that the socket took only in part, or not at all.
    ///
    /// - Parameters:
    ///   - took: Bytes that are in the socket; negative when the connection is gone.
    ///   - channel: That of the broadcast.
    func goOn(with batch: Outbox.Batch, after took: Int, on channel: @autoclosure () -> String) -> Handover {
        guard phase == .open else { return .gone }
        guard took >= 0, var bytes = batch.bytes(form) else {
            context?.close(promise: nil)
            return .gone
        }
        if skips, took == 0 {
            guard !isOverLimit(bytes: bytes.readableBytes, pushes: batch.pushes) else {
                leaveOut(batch.pushes, on: channel())
                return .dropped
            }
            tellMissed()
        }
        bytes.moveReaderIndex(forwardBy: took)
        return queue(bytes, pushes: batch.pushes)
    }

    private func transmit(_ bytes: ByteBuffer, pushes: Int) -> Handover {
        guard phase != .closed, descriptor >= 0 else { return .gone }
        guard sendsDirectly, queuedBytes == 0 else { return queue(bytes, pushes: pushes) }
        switch bytes.withUnsafeReadableBytes({ DirectSend.send($0, to: descriptor) }) {
        case .took(bytes.readableBytes): return .delivered
        case .took(let count):
            var rest = bytes
            rest.moveReaderIndex(forwardBy: count)
            return queue(rest, pushes: pushes)
        case .failed:
            context?.close(promise: nil)
            return .gone
        }
    }

    /// Puts what the kernel did not take, and all that is to be encrypted, into NIO's buffer; from here on everything goes that
    /// way until it is empty.
    private func queue(_ bytes: ByteBuffer, pushes: Int) -> Handover {
        guard let context else { return .gone }
        // A close frame always fits. A queue that is kept full on purpose has as much room again for what may not be left out.
        guard phase != .open || !isOverLimit(bytes: bytes.readableBytes, pushes: pushes, times: skips ? 2 : 1) else {
            close(.slowConsumer, reason: "the outbound queue is over its limit")
            return .dropped
        }
        let count = bytes.readableBytes
        if queuedBytes == 0 { shard.counters.queuedSessions += 1 }
        shard.counters.queuedBytes += count
        queuedBytes += count
        queuedPushes += pushes
        shard.table.set(slot, descriptor: -1, isOpen: phase == .open)
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenSuccess { self.dequeued(bytes: count, pushes: pushes) }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
        return .delivered
    }

    /// Whether so much would be too much for the queue. One push always fits an empty one: its first bytes may be in the socket
    /// already.
    func isOverLimit(bytes: Int, pushes: Int, times: Int = 1) -> Bool {
        guard queuedBytes > 0 else { return false }
        let limits = node.configuration
        return limits.outboundLimit > 0 && queuedBytes + bytes > times * limits.outboundLimit
            || limits.outboundPushes > 0 && queuedPushes + pushes > times * limits.outboundPushes
    }

    /// A frame that is no push goes behind all that is in the queue, or begins one.
    func enqueue(_ frame: ByteBuffer) { _ = queue(frame, pushes: 0) }

    private func dequeued(bytes: Int, pushes: Int) {
        // What was in the queue of a session that has ended is forgotten already.
        guard phase != .closed else { return }
        queuedBytes -= bytes
        queuedPushes -= pushes
        shard.counters.queuedBytes -= bytes
        guard queuedBytes == 0 else { return }
        shard.counters.queuedSessions -= 1
        // Who gets nothing more for a while is told as well; until that is written nothing may overtake it.
        if hasMissed, phase == .open { return tellMissed() }
        if phase == .open { shard.table.set(slot, descriptor: directDescriptor, isOpen: true) }
        written()
        if phase == .closing { closeIfDone() }
    }

    /// The session has ended: nothing waits for it any more.
    func forgetQueue() {
        guard queuedBytes > 0 else { return }
        shard.counters.queuedBytes -= queuedBytes
        shard.counters.queuedSessions -= 1
        queuedBytes = 0
        queuedPushes = 0
    }

    // MARK: Closing

    /// Begins the close handshake (RFC 6455 section 7.1.2).
    ///
    /// - Parameters:
    ///   - isFinal: The peer has closed, or has broken the protocol: no answer is awaited.
    ///   - isLost: The connection is lost rather than closed.
    ///   - lingers: What the client still sends is passed over until it closes.
    ///   - isWished: The client has closed; code and reason are its own.
    func close(
        _ code: CloseCode, reason: String, isFinal: Bool = false, isLost: Bool = false, lingers: Bool = false,
        isWished: Bool = false
    ) {
        switch phase {
        case .closed: return
        case .closing:
            closesAfterFlush = closesAfterFlush || isFinal
            self.lingers = self.lingers || lingers
            if pending == nil { closeIfDone() }
            return
        case .unidentified, .registering, .open: break
        }
        noteEnd(code, reason: reason, isWished: isWished)
        leave(code, reason: reason, isLost: isLost)
        phase = .closing
        closesAfterFlush = isFinal
        self.lingers = lingers
        append(FrameBuilder.close(code, reason: reason))
        shard.markDirty(self)
        timerTick = shard.schedule(self, after: Shard.ticks(seconds: Self.closeTimeout))
    }

    private func closeIfDone() {
        guard closesAfterFlush, queuedBytes == 0, pending == nil else { return }
        closesAfterFlush = false
        // After its output the rest follows when the client closes, or when the timer is due.
        context?.close(mode: lingers ? .output : .all, promise: nil)
    }
}
