import NIOCore
import SwitchboardCore

/// Who waits for which token to come back. One round is under way at a time; whoever comes meanwhile takes part in the next, since
/// the present one has begun before. Times are handed in; nothing is done here.
struct BarrierRounds {
    typealias Waiter = @Sendable (Result<Void, BusError>) -> Void

    enum JoinAction {
        /// Publish the token of this round; `timer` is to be set when it is given.
        case begin(Int, timer: NIODeadline?)
        /// A round is under way.
        case wait
        /// Too many wait already.
        case refuse
    }

    enum DeadlineAction {
        case nothing
        case arm(NIODeadline)
        case fail([Waiter])
    }

    private struct Round {
        let deadline: NIODeadline
        let waiters: [Waiter]
        var missing: Set<LinkStateMachine.Way>
    }

    private let timeout: TimeAmount
    private let limit: Int
    private let ways: Set<LinkStateMachine.Way>
    private var round: Round?
    private var next: [Waiter] = []
    /// Rounds are numbered, and a number is not used again: a token that is late meets nobody.
    private var number = 0
    private var isTimerSet = false

    /// - Parameters:
    ///   - limit: How many may wait for the next round.
    ///   - ways: By which the token has to come back: all that do not keep their order among each other.
    init(timeout: TimeAmount, limit: Int, ways: Set<LinkStateMachine.Way> = [.node]) {
        self.ways = ways
        self.timeout = timeout
        self.limit = limit
    }

    mutating func join(_ waiter: @escaping Waiter, now: NIODeadline) -> JoinAction {
        guard round != nil else { return begin([waiter], now: now) }
        guard next.count < limit else { return .refuse }
        next.append(waiter)
        return .wait
    }

    /// A token has come back.
    ///
    /// - Returns: Who has waited for it, and what is to be done for the others.
    mutating func returned(
        _ number: Int, by way: LinkStateMachine.Way = .node, now: NIODeadline
    ) -> (done: [Waiter], action: JoinAction) {
        guard let round, number == self.number, self.round?.missing.remove(way) != nil,
            self.round?.missing.isEmpty == true
        else { return ([], .wait) }
        self.round = nil
        defer { next = [] }
        return (round.waiters, next.isEmpty ? .wait : begin(next, now: now))
    }

    /// Tokens are not coming back any more.
    ///
    /// - Parameter number: The round that has failed; nil for whichever is under way.
    /// - Returns: Everybody who waits.
    mutating func failed(_ number: Int? = nil) -> [Waiter] {
        guard let round, number ?? self.number == self.number else { return [] }
        self.round = nil
        defer { next = [] }
        return round.waiters + next
    }

    /// The timer has fired. One timer serves all rounds; it is not cancelled when one ends.
    mutating func deadlinePassed(now: NIODeadline) -> DeadlineAction {
        isTimerSet = false
        guard let round else { return .nothing }
        guard round.deadline <= now else {
            isTimerSet = true
            return .arm(round.deadline)
        }
        return .fail(failed())
    }

    private mutating func begin(_ waiters: [Waiter], now: NIODeadline) -> JoinAction {
        let deadline = now + timeout
        number += 1
        round = Round(deadline: deadline, waiters: waiters, missing: ways)
        defer { isTimerSet = true }
        return .begin(number, timer: isTimerSet ? nil : deadline)
    }
}
