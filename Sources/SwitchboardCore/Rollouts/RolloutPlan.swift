/// Decides what a roll-out does next: whom to begin and when, and when to stop. A struct without I/O.
///
/// It is stopped when, among at least ``RolloutTerms/minimum`` decided clients, the share of failures is beyond
/// ``RolloutTerms/share``. So that those under way cannot carry it far beyond, no client is begun while it would be stopped if all
/// of them failed. The canary is judged once more when it is decided, however few it is.
public struct RolloutPlan: Sendable {
    /// What to do now.
    public enum Step: Hashable, Sendable {
        /// Begin these; call ``began(_:now:)`` when that is written down.
        case begin(Range<Int>)
        /// The canary is good: call ``proceeded()`` when that is written down.
        case proceed
        /// Stop, with a reason for a person; those under way are still awaited.
        case abort(String)
        /// All are decided.
        case finish
        /// Nothing before a client is decided, or before that time (monotonic milliseconds).
        case wait(until: UInt64?)
    }

    /// Milliseconds of the rate that are made up for when the leader was late; a pause is not made up for.
    private static let arrears = 250.0

    public let terms: RolloutTerms
    public private(set) var progress: RolloutProgress
    /// Places that are decided.
    private var decided: [Bool]
    /// Decided places of the canary, and the failures among them.
    private var canary = (decided: 0, failed: 0)
    /// When the next client may be begun, in monotonic milliseconds.
    private var nextStart: Double
    /// When the last client of the canary was begun.
    private var canaryBegan: UInt64

    /// - Parameters:
    ///   - progress: How far it is, when another has led it before.
    ///   - outcomes: Those decided before: place and whether it failed.
    ///   - now: Monotonic milliseconds, as everywhere here.
    public init(
        _ terms: RolloutTerms, progress: RolloutProgress = RolloutProgress(),
        outcomes: some Sequence<(index: Int, isFailure: Bool)> = EmptyCollection(), now: UInt64
    ) {
        self.terms = terms
        self.progress = RolloutProgress()
        self.progress.phase = progress.phase
        self.progress.started = min(max(0, progress.started), terms.total)
        decided = Array(repeating: false, count: terms.total)
        nextStart = Double(now)
        canaryBegan = now
        for (index, isFailure) in outcomes { settle(index, isFailure: isFailure) }
    }

    /// The places that were begun and are not decided.
    public var underWay: [Int] { decided[..<progress.started].indices.filter { !decided[$0] } }

    /// A client is decided. Saying it twice changes nothing.
    ///
    /// - Returns: Whether it is new.
    @discardableResult
    public mutating func settle(_ index: Int, isFailure: Bool) -> Bool {
        guard (0..<progress.started).contains(index), !decided[index] else { return false }
        decided[index] = true
        if isFailure { progress.failed += 1 } else { progress.succeeded += 1 }
        if index < terms.canary {
            canary.decided += 1
            if isFailure { canary.failed += 1 }
        }
        return true
    }

    /// The clients of ``Step/begin(_:)`` are begun.
    public mutating func began(_ range: Range<Int>, now: UInt64) {
        progress.started = max(progress.started, min(range.upperBound, terms.total))
        nextStart = max(nextStart, Double(now) - Self.arrears) + interval * Double(range.count)
        if range.contains(terms.canary - 1) { canaryBegan = now }
    }

    /// Some of the canary are asked again: its time begins then, unless it began later.
    public mutating func awaitCanary(from time: UInt64) { canaryBegan = max(canaryBegan, time) }

    /// The canary is over.
    public mutating func proceeded() { progress.phase = .running }

    /// - Parameters:
    ///   - isHeld: It is paused: nothing is begun.
    ///   - isEnded: It was aborted.
    public func next(now: UInt64, isHeld: Bool = false, isEnded: Bool = false) -> Step {
        guard !isEnded else { return progress.underWay == 0 ? .finish : .wait(until: nil) }
        if let reason { return .abort(reason) }
        if progress.decided == terms.total { return .finish }
        if progress.phase == .canary, progress.started >= terms.canary {
            return judgeCanary(now: now, isHeld: isHeld)
        }
        let end = progress.phase == .canary ? terms.canary : terms.total
        guard !isHeld, progress.started < end else { return .wait(until: nil) }
        return begin(before: end, now: now)
    }

    // MARK: When to stop

    /// Why it has to be stopped, by what is decided.
    private var reason: String? {
        if isTooMuch(failed: progress.failed, of: progress.decided) {
            return "\(progress.failed) of \(progress.decided) decided clients failed"
        }
        // However the rest of the canary goes.
        if progress.phase == .canary, Double(canary.failed) > terms.share * Double(terms.canary) {
            return "\(canary.failed) of \(terms.canary) clients of the canary failed"
        }
        return nil
    }

    private func isTooMuch(failed: Int, of decided: Int) -> Bool {
        decided >= terms.minimum && Double(failed) > terms.share * Double(decided)
    }

    private func judgeCanary(now: UInt64, isHeld: Bool) -> Step {
        if canary.decided < terms.canary {
            // Who took over while it is paused asks nobody, so nobody can be late.
            guard !isHeld else { return .wait(until: nil) }
            let deadline = canaryBegan + UInt64(terms.canaryWait * 1000)
            guard now >= deadline else { return .wait(until: deadline) }
            guard canary.decided > 0 else { return .abort("no client of the canary was decided in time") }
            if Double(canary.failed) > terms.share * Double(canary.decided) {
                return .abort("\(canary.failed) of \(canary.decided) decided clients of the canary failed")
            }
        }
        return .proceed
    }

    // MARK: Whom to begin

    /// Milliseconds between two clients.
    private var interval: Double { 60_000 / Double(terms.rate) }

    private func begin(before end: Int, now: UInt64) -> Step {
        var time = max(nextStart, Double(now) - Self.arrears)
        var last = progress.started
        while last < end, time <= Double(now), mayBegin(beside: last - progress.decided) {
            last += 1
            time += interval
        }
        if last > progress.started { return .begin(progress.started..<last) }
        guard mayBegin(beside: progress.underWay) else { return .wait(until: nil) }
        return .wait(until: UInt64(time.rounded(.up)))
    }

    /// - Parameter underWay: Clients that are begun and not decided.
    private func mayBegin(beside underWay: Int) -> Bool {
        underWay < RolloutTerms.maximumUnderWay
            && !isTooMuch(failed: progress.failed + underWay, of: progress.decided + underWay)
    }
}
