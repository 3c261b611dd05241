import Logging
import NIOCore
import NIOWebSocket
import SwitchboardProtocol
import SwitchboardWebSocket

// What the channels tell the agent. All of it is called on the event loop.
extension Agent {
    func connect() {
        guard let connector else { return }
        linkNumber += 1
        let number = linkNumber
        namedGroups = groups.filter { !wantsHistory($0) }
        let target = connector.endpoint.target(
            client: configuration.client, groups: namedGroups, labels: configuration.labels)
        let maximum = configuration.maximumMessageBytes
        attempt?.cancel()
        attempt = Task {
            do {
                let token = try await askForToken()
                // Until it came the time may have run out.
                guard number == linkNumber, state.phase == .connecting else { return }
                let headers = authorization(token)
                let outcome = try await connector.connect(
                    on: eventLoop, target: target, headers: headers,
                    willConnect: { channel in self.assumeIsolated { $0.keep(channel) } },
                    makeHandler: { agreement in
                        LinkHandler(agent: self, number: number, maximumMessageBytes: maximum, agreement: agreement)
                    })
                switch outcome {
                case .open:
                    if number == linkNumber { perform(state.upgraded()) }
                case .refused(let answer):
                    let refusal = try await answer.get()
                    if number == linkNumber { perform(state.refused(refusal, .now())) }
                }
            } catch {
                guard number == linkNumber else { return }
                cut()
                perform(state.attemptFailed(AttemptReason.text(of: error, endpoint: connector.endpoint), .now()))
            }
        }
    }

    private func keep(_ channel: any Channel) {
        let key = ObjectIdentifier(channel)
        channels[key] = channel
        channel.closeFuture.assumeIsolated().whenComplete { _ in
            self.assumeIsolated { _ = $0.channels.removeValue(forKey: key) }
        }
    }

    func cut() {
        link = nil
        for channel in channels.values { channel.close(mode: .all, promise: nil) }
    }

    func linkOpened(_ channel: any Channel, number: Int, _ agreement: DeflateAgreement?) {
        guard number == linkNumber else { return channel.close(mode: .all, promise: nil) }
        link = channel
        deflater = agreement?.clientDeflater()
        isReading = true
        hasSkippedMail = false
        perform(state.opened(.now()))
        updateReading()
    }

    func linkReceived(_ event: MessageEvent, number: Int) {
        guard number == linkNumber else { return }
        perform(state.received(event, .now()))
    }

    func linkHasTraffic(number: Int) {
        guard number == linkNumber else { return }
        state.traffic(.now())
    }

    func linkIsWritable(_ isWritable: Bool, number: Int) {
        guard number == linkNumber else { return }
        updateReading()
        if isWritable { flush() }
    }

    /// Sends all that waits for a link that takes it.
    func flush() {
        flushResults()
        flushAcks()
        flushOutbox()
        flushTerminals()
        wakeWaiters()
    }

    func linkEnded(_ reason: String, number: Int) {
        guard number == linkNumber else { return }
        link = nil
        perform(state.ended(reason, .now()))
    }

    /// Reads only while the handler of pushes keeps up and the node takes our answers: neither can make a queue grow.
    func updateReading() {
        guard let link else { return }
        let shouldRead = !gate.isClosed && link.isWritable
        guard shouldRead != isReading else { return }
        isReading = shouldRead
        state.paused(!shouldRead, .now())
        link.setOption(.autoRead, value: shouldRead).whenFailure { [logger] error in
            logger.debug("the socket's reading could not be switched", metadata: ["error": "\(error)"])
        }
        if shouldRead { link.triggerUserOutboundEvent(LinkHandler.GoOn(), promise: nil) }
        rearm()
    }

    func write(_ frame: ClientFrame) {
        var text = ByteBuffer()
        frame.write(into: &text)
        guard let compressed = compressed(text) else { return write(.text, text) }
        write(.text, compressed, isCompressed: true)
    }

    func write(_ opcode: WebSocketOpcode, _ bytes: ByteBuffer, isCompressed: Bool = false) {
        let frame = WebSocketFrame(
            fin: true, rsv1: isCompressed, opcode: opcode, maskKey: .random(), data: bytes)
        link?.writeAndFlush(frame, promise: nil)
    }

    /// nil when the message is to be sent as it is.
    private func compressed(_ text: ByteBuffer) -> ByteBuffer? {
        do throws(DeflateError) { return try deflater?.compressed(text, minimumBytes: Self.leastCompressed) } catch {
            deflater = nil
            return nil
        }
    }

    /// Shorter messages gain next to nothing.
    private static let leastCompressed = 128

    func writeClose(_ code: CloseCode, _ reason: String) {
        var body = ByteBuffer()
        if code.mayBeSent {
            body.writeInteger(code.rawValue)
            body.writeString(CloseCode.fitted(reason: reason))
        }
        write(.connectionClose, body)
    }
}
