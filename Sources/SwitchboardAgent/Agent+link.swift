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
        namedGroups = groups
        let target = connector.endpoint.target(
            client: configuration.client, groups: groups, labels: configuration.labels)
        let maximum = configuration.maximumMessageBytes
        Task {
            do {
                let outcome = try await connector.connect(
                    on: eventLoop, target: target,
                    willConnect: { channel in self.assumeIsolated { $0.keep(channel) } },
                    makeHandler: { LinkHandler(agent: self, number: number, maximumMessageBytes: maximum) })
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

    func linkOpened(_ channel: any Channel, number: Int) {
        guard number == linkNumber else { return channel.close(mode: .all, promise: nil) }
        link = channel
        isReading = true
        hasSkippedMail = false
        perform(state.opened(.now()))
        updateReading()
    }

    func linkReceived(_ event: MessageAssembler.Event, number: Int) {
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
        wakeWaiters()
    }

    func linkIsUndecodable(_ code: CloseCode, number: Int) {
        guard number == linkNumber else { return }
        perform(state.undecodable(code, .now()))
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
        rearm()
    }

    func write(_ frame: ClientFrame) {
        var text = ByteBuffer()
        frame.write(into: &text)
        write(.text, text)
    }

    func write(_ opcode: WebSocketOpcode, _ bytes: ByteBuffer) {
        link?.writeAndFlush(WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: bytes), promise: nil)
    }

    func writeClose(_ code: CloseCode, _ reason: String) {
        var body = ByteBuffer()
        if code.mayBeSent {
            body.writeInteger(code.rawValue)
            body.writeString(CloseCode.fitted(reason: reason))
        }
        write(.connectionClose, body)
    }
}
