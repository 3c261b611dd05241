import NIOCore
import SwitchboardProtocol
import SwitchboardWebSocket

extension AgentConnectionState {
    /// Bytes have arrived, even if no frame is whole yet.
    mutating func traffic(_ now: NIODeadline) {
        updateLink { $0.lastTraffic = now }
    }

    /// Reading has stopped or begun again: what is not read is no sign of a dead link.
    mutating func paused(_ isPaused: Bool, _ now: NIODeadline) {
        updateLink {
            $0.isPaused = isPaused
            $0.lastTraffic = now
        }
        if case .online(let link) = phase { wakeAt = nextLook(at: link, now) }
    }

    /// A frame of the node, checked against RFC 6455.
    mutating func received(_ event: MessageEvent, _ now: NIODeadline) -> [Action] {
        traffic(now)
        switch phase {
        case .opening(let link), .online(let link): return received(event, on: link, now)
        case .closing: return receivedLate(event)
        case .idle, .connecting, .waiting, .finished: return []
        }
    }

    /// The TCP connection has ended.
    mutating func ended(_ reason: String, _ now: NIODeadline) -> [Action] {
        switch phase {
        case .opening(let link), .online(let link): conclude(Ending(code: .abnormal, reason: reason, link: link), now)
        case .closing(let ending): conclude(ending, now)
        case .connecting: attemptFailed(reason, now)
        case .idle, .waiting, .finished: []
        }
    }

    // MARK: frames

    private mutating func received(_ event: MessageEvent, on link: Link, _ now: NIODeadline) -> [Action] {
        switch event {
        case .incomplete, .pong: return []
        case .ping(let bytes): return [.pong(bytes)]
        case .binary: return close(link, CloseCode(rawValue: 1003), "a framed connection has text only", now)
        case .violation(let code, let reason): return close(link, code, reason, now)
        case .close(let code, let reason):
            // The answer repeats the code (RFC 6455 section 5.5.1); then the node ends the TCP connection (7.1.1).
            phase = .closing(Ending(code: code, reason: reason, link: link))
            wakeAt = now + .seconds(limits.closeTimeout)
            return [.close(code, "")]
        case .text(let text):
            do throws(FrameError) {
                return received(try ServerFrame(parsing: text), bytes: text.readableBytes, on: link, now)
            } catch {
                switch error {
                case .malformed: return close(link, .protocolError, error.description, now)
                case .invalidField: return [.event(.refused(code: "invalid_frame", message: error.description))]
                }
            }
        }
    }

    /// What the node sent before it saw our close frame was meant for us, too.
    private func receivedLate(_ event: MessageEvent) -> [Action] {
        guard case .text(let text) = event, let frame = try? ServerFrame(parsing: text) else { return [] }
        return actions(for: frame, bytes: text.readableBytes)
    }

    /// What is passed on.
    private func actions(for frame: ServerFrame, bytes: Int) -> [Action] {
        switch frame {
        case .push(let push): [.push(push, bytes: bytes)]
        case .ack(let ref): [.acknowledged(ref: ref)]
        case .command(let command): [.command(command)]
        case .cancel(let id): [.cancel(id: id)]
        case .terminal(let order): [.terminal(order)]
        case .members(let group, let members, let isComplete):
            [.group(.members(group: group, members, isComplete: isComplete), bytes: bytes)]
        case .presence(let group, let joined, let left):
            [.group(.presence(group: group, joined: joined, left: left), bytes: bytes)]
        case .missed(let channel, let count): [.group(.missed(channel: channel, count: count), bytes: bytes)]
        case .hello, .ping, .error, .goaway, .unknown: []
        }
    }

    private mutating func received(
        _ frame: ServerFrame, bytes: Int, on link: Link, _ now: NIODeadline
    ) -> [Action] {
        switch frame {
        case .hello(let hello): return greeted(hello, on: link, now)
        case .ping: return [.send(.pong)]
        case .error(let code, let message, let ref):
            guard let ref else { return [.event(.refused(code: code, message: message))] }
            return [.rejected(ref: ref, code: code, message: message)]
        case .goaway(let reason, let seconds): return goaway(reason, seconds, on: link, now)
        case .unknown: return []
        case .push, .command, .cancel, .ack, .terminal, .members, .presence, .missed:
            guard link.since != nil else { return close(link, .protocolError, "hello must be the first frame", now) }
            return actions(for: frame, bytes: bytes)
        }
    }

    private mutating func greeted(_ hello: ServerFrame.Hello, on link: Link, _ now: NIODeadline) -> [Action] {
        heartbeat = Heartbeat(hello)
        policy.minimum = min(max(hello.reconnectMinimum, 0.01), Self.longestDelay)
        policy.maximum = min(max(hello.reconnectMaximum, policy.minimum), Self.longestDelay)
        var link = link
        let isFirst = link.since == nil
        if isFirst { link.since = now }
        phase = .online(link)
        wakeAt = nextLook(at: link, now)
        let resumed: [Action] = hello.channels.isEmpty ? [] : [.resumed(hello.channels)]
        return isFirst ? [.event(.connected(hello))] + resumed + [.begin] : resumed
    }

    private mutating func goaway(
        _ reason: String, _ seconds: Double, on link: Link, _ now: NIODeadline
    ) -> [Action] {
        let seconds = bounded(seconds) ?? 0
        updateLink { $0.goaway = now + .seconds(seconds) }
        if case .online(let link) = phase { wakeAt = nextLook(at: link, now) }
        return [.event(.goaway(reason: reason, reconnectAfter: seconds))]
    }

    // MARK: the heartbeat

    /// Something is due on an open link, or its silence has to be judged.
    mutating func look(at link: Link, _ now: NIODeadline) -> [Action] {
        if let goaway = link.goaway, goaway <= now { return close(link, .normal, "as told by goaway", now) }
        if !link.isPaused, let silence = heartbeat.longestSilence, link.lastTraffic + silence <= now {
            let reason = "nothing heard for \((Double(silence.nanoseconds) / 1e9).brief) s"
            return [.cut] + conclude(Ending(code: .abnormal, reason: reason, link: link), now)
        }
        wakeAt = nextLook(at: link, now)
        // While nothing is read the node's pings are not seen; any frame tells it that the agent lives.
        return link.isPaused ? [.send(.pong)] : []
    }

    private func nextLook(at link: Link, _ now: NIODeadline) -> NIODeadline? {
        let silence =
            link.isPaused
            ? heartbeat.pausedInterval.map { now + $0 } : heartbeat.longestSilence.map { link.lastTraffic + $0 }
        guard let goaway = link.goaway else { return silence }
        return silence.map { min($0, goaway) } ?? goaway
    }

    private mutating func updateLink(_ change: (inout Link) -> Void) {
        switch phase {
        case .opening(var link):
            change(&link)
            phase = .opening(link)
        case .online(var link):
            change(&link)
            phase = .online(link)
        case .idle, .connecting, .closing, .waiting, .finished: break
        }
    }
}
