import NIOCore

/// When the link is proved, when it is tried again and when it is given up. Times are handed in; nothing is done here.
struct LinkStateMachine {
    /// By which channel a canary came back.
    enum Way: Hashable, Sendable { case shared, node }

    private struct Canary {
        let token: String
        let sentAt: NIODeadline
        var missing: Set<Way> = [.shared, .node]
    }

    private enum State {
        case down
        case subscribing(since: NIODeadline)
        case proving(Canary)
        case available(Canary?, lastSentAt: NIODeadline)
    }

    enum ReturnAction: Equatable {
        case nothing
        /// The first full round on this connection: the link works.
        case becameAvailable
        case renewed
    }

    enum TickAction: Equatable {
        case nothing
        case probe(String)
        case giveUp(RedisTrouble)
    }

    private var state = State.down
    private let interval: TimeAmount
    private let timeout: TimeAmount

    init(interval: TimeAmount, timeout: TimeAmount) {
        self.interval = interval
        self.timeout = timeout
    }

    var isAvailable: Bool { if case .available = state { true } else { false } }

    /// Both connections are up; the subscriptions are asked for.
    mutating func connected(at now: NIODeadline) { state = .subscribing(since: now) }

    /// The subscriptions are confirmed: `token` is about to be published.
    mutating func subscribed(_ token: String, at now: NIODeadline) {
        state = .proving(Canary(token: token, sentAt: now))
    }

    mutating func returned(_ token: String, by way: Way) -> ReturnAction {
        switch state {
        case .down, .subscribing: return .nothing
        case .proving(var canary):
            guard canary.token == token, canary.missing.remove(way) != nil else { return .nothing }
            guard canary.missing.isEmpty else {
                state = .proving(canary)
                return .nothing
            }
            state = .available(nil, lastSentAt: canary.sentAt)
            return .becameAvailable
        case .available(var canary?, let lastSentAt):
            guard canary.token == token, canary.missing.remove(way) != nil else { return .nothing }
            state = .available(canary.missing.isEmpty ? nil : canary, lastSentAt: lastSentAt)
            return canary.missing.isEmpty ? .renewed : .nothing
        case .available(nil, _): return .nothing
        }
    }

    /// - Parameter token: For a canary, if one is due.
    mutating func tick(_ token: @autoclosure () -> String, at now: NIODeadline) -> TickAction {
        switch state {
        case .subscribing(let since):
            guard now - since >= timeout else { return .nothing }
            state = .down
            return .giveUp(.timeout)
        case .proving(let canary), .available(let canary?, _):
            guard now - canary.sentAt >= timeout else { return .nothing }
            state = .down
            return .giveUp(.canaryLost)
        case .available(nil, let lastSentAt):
            guard now - lastSentAt >= interval else { return .nothing }
            let token = token()
            state = .available(Canary(token: token, sentAt: now), lastSentAt: now)
            return .probe(token)
        case .down: return .nothing
        }
    }

    mutating func disconnected() { state = .down }
}

/// The wait before the next attempt to connect: it doubles from try to try, and is jittered so that many nodes do not come back
/// in one instant.
struct LinkBackoff {
    private let shortest: Duration
    private let longest: Duration
    private var attempts = 0

    init(min: Duration, max: Duration) {
        shortest = min
        longest = Swift.max(min, max)
    }

    /// - Returns: A random wait between the shortest and `min(longest, shortest * 2^n)`, n being the number of earlier failures.
    mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        attempts += 1
        let ceiling = Swift.min(longest, shortest * (1 << Swift.min(attempts, 16)))
        let span = ceiling - shortest
        return shortest + span * Double.random(in: 0...1, using: &generator)
    }

    mutating func reset() { attempts = 0 }
}
