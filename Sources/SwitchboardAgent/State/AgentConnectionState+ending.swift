import NIOCore
import SwitchboardProtocol

extension AgentConnectionState {
    /// Begins the close handshake.
    mutating func close(_ link: Link, _ code: CloseCode, _ reason: String, _ now: NIODeadline) -> [Action] {
        phase = .closing(Ending(code: code, reason: reason, link: link))
        wakeAt = now + .seconds(limits.closeTimeout)
        return [.close(code, reason)]
    }

    /// A link has ended: says so, and comes back or not.
    mutating func conclude(_ ending: Ending, _ now: NIODeadline) -> [Action] {
        var actions: [Action] = ending.link.since == nil ? [] : [.end(ending.code)]
        if isStopping {
            actions.append(.event(.disconnected(code: ending.code, reason: ending.reason, retryIn: nil)))
            return actions + finish(nil)
        }
        if ending.code.advice == .stop {
            actions.append(.event(.disconnected(code: ending.code, reason: ending.reason, retryIn: nil)))
            return actions + finish(.closed(ending.code, reason: ending.reason))
        }
        let delay = min(delay(after: ending, now), Self.longestDelay)
        phase = .waiting
        wakeAt = now + .seconds(delay)
        actions.append(.event(.disconnected(code: ending.code, reason: ending.reason, retryIn: delay)))
        return actions
    }

    /// The rules of ``ReconnectPolicy``; but a node that gave this agent its own moment, or asked for it at once, has
    /// spread its clients already, so no jitter is added the first time. If that fails, the back-off holds again.
    private mutating func delay(after ending: Ending, _ now: NIODeadline) -> Double {
        let lifetime = ending.link.since.map { (now - $0).seconds }
        let isSentAway = ending.link.goaway != nil || ending.code.advice == .afterDelay
        if isSentAway, let lifetime, lifetime >= ReconnectPolicy.settledAfter { policy.settled() }
        let isFresh = policy.failures == 0 || (lifetime ?? 0) >= ReconnectPolicy.stableAfter
        let asked = bounded(CloseCode.delay(inReason: ending.reason))
        let goaway = ending.link.goaway.map { max(0, ($0 - now).seconds) }
        let atLeast = [asked, goaway].compactMap { $0 }.max()
        let delay = policy.delay(afterLifetime: lifetime, atLeast: atLeast, random: random())
        guard isFresh else { return delay }
        if goaway != nil { return atLeast ?? 0 }
        if ending.code.advice == .afterDelay, asked == nil { return 0 }
        return delay
    }
}
