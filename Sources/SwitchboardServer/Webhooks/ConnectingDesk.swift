import DequeModule
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Whose turn it is to be asked about, and who was refused a moment ago.
///
/// The backend is asked so many questions at a time, and one at a time about one client at one address: who comes again before
/// its answer is there waits for it. Whoever finds no place within ``patience`` is not asked about at all.
final class ConnectingDesk: Sendable {
    /// Questions at once.
    static let places = 64
    /// Clients that may wait for a place ...
    static let maximumWaiting = 1000
    /// ... of one subject.
    static let maximumOfOne = 4
    /// Refusals that are remembered.
    static let maximumRemembered = 10_000

    /// Who is asked about. With the address, since otherwise anybody could keep a client out by its name.
    struct Subject: Hashable, Sendable {
        let client: ClientID
        /// Without the port.
        let address: String
    }

    /// All that an answer may depend on.
    struct Question: Hashable, Sendable {
        let subject: Subject
        let isFramed: Bool
        let groups: [GroupName]
        let labels: [String: String]
        let userAgent: String?

        init(_ request: ConnectRequest, as client: ClientID) {
            subject = Subject(client: client, address: AddressBook.host(of: request.address))
            isFramed = request.mode == .framed
            groups = request.groups
            labels = request.labels
            userAgent = request.userAgent
        }
    }

    enum Turn: Hashable, Sendable {
        /// Ask, and say so with ``leave(_:refused:)`` when it is done.
        case ask
        /// The answer to the same question is known.
        case refused(Problem)
        /// There was no place in time.
        case full
    }

    fileprivate struct Waiter {
        let number: UInt64
        let question: Question
        let continuation: CheckedContinuation<Turn, Never>
        /// Lets it go when it has waited for too long.
        let alarm: Task<Void, Never>
    }

    fileprivate struct State {
        /// Who is asked about now.
        var asking: Set<Subject> = []
        var waiting: Deque<Waiter> = []
        var ofOne: [Subject: Int] = [:]
        var numbers: UInt64 = 0
        var refusals: [Question: Problem] = [:]
        var order: Deque<(question: Question, until: UInt64)> = []
    }

    /// Seconds for which a place is waited for.
    private let patience: Double
    /// Nanoseconds for which a refusal is remembered.
    private let memory: UInt64
    private let now: @Sendable () -> UInt64
    private let state = Mutex(State())

    /// - Parameters:
    ///   - patience: Seconds for which a place is waited for.
    ///   - memory: Seconds for which a refusal is remembered.
    ///   - now: Monotonic nanoseconds.
    init(
        patience: Double = 0.9, memory: Double = 3, now: @escaping @Sendable () -> UInt64 = MonotonicClock.nanoseconds
    ) {
        self.patience = patience
        self.memory = UInt64(memory * 1e9)
        self.now = now
    }

    var waiting: Int { state.withLock { $0.waiting.count } }

    /// Waits for a place.
    func enter(_ question: Question) async -> Turn {
        await withCheckedContinuation { continuation in
            let turn: Turn? = state.withLock { state in
                state.forgetOld(now: now())
                if let problem = state.refusals[question] { return .refused(problem) }
                if state.mayAsk(question.subject) {
                    state.asking.insert(question.subject)
                    return .ask
                }
                guard state.waiting.count < Self.maximumWaiting,
                    state.ofOne[question.subject, default: 0] < Self.maximumOfOne
                else { return .full }
                state.numbers += 1
                let number = state.numbers
                let alarm = Task { [patience] in
                    guard (try? await Task.sleep(for: .seconds(patience))) != nil else { return }
                    self.giveUp(number)
                }
                state.ofOne[question.subject, default: 0] += 1
                state.waiting.append(
                    Waiter(number: number, question: question, continuation: continuation, alarm: alarm))
                return nil
            }
            if let turn { continuation.resume(returning: turn) }
        }
    }

    /// The question was answered, or could not be.
    ///
    /// - Parameter refused: The refusal, which then also answers those who wait with the same question.
    func leave(_ question: Question, refused problem: Problem?) {
        let called = state.withLock { state in
            state.asking.remove(question.subject)
            if let problem { state.remember(problem, for: question, until: now() + memory) }
            return state.nextTurns()
        }
        for (waiter, turn) in called {
            waiter.alarm.cancel()
            waiter.continuation.resume(returning: turn)
        }
    }

    private func giveUp(_ number: UInt64) {
        let waiter = state.withLock { state -> Waiter? in
            guard let index = state.waiting.firstIndex(where: { $0.number == number }) else { return nil }
            return state.remove(at: index)
        }
        waiter?.continuation.resume(returning: .full)
    }
}

extension ConnectingDesk.State {
    fileprivate func mayAsk(_ subject: ConnectingDesk.Subject) -> Bool {
        asking.count < ConnectingDesk.places && !asking.contains(subject)
    }

    fileprivate mutating func remove(at index: Int) -> ConnectingDesk.Waiter {
        let waiter = waiting.remove(at: index)
        let left = ofOne[waiter.question.subject, default: 1] - 1
        ofOne[waiter.question.subject] = left > 0 ? left : nil
        return waiter
    }

    /// Those who need not wait any more, in the order in which they came.
    fileprivate mutating func nextTurns() -> [(ConnectingDesk.Waiter, ConnectingDesk.Turn)] {
        var called: [(ConnectingDesk.Waiter, ConnectingDesk.Turn)] = []
        var index = waiting.startIndex
        while index < waiting.endIndex {
            let question = waiting[index].question
            if let problem = refusals[question] {
                called.append((remove(at: index), .refused(problem)))
            } else if mayAsk(question.subject) {
                asking.insert(question.subject)
                called.append((remove(at: index), .ask))
            } else {
                index += 1
            }
        }
        return called
    }

    /// All are remembered for as long, so the first is the first to be forgotten.
    fileprivate mutating func remember(
        _ problem: Problem, for question: ConnectingDesk.Question, until: UInt64
    ) {
        guard refusals.updateValue(problem, forKey: question) == nil else { return }
        if order.count >= ConnectingDesk.maximumRemembered, let oldest = order.popFirst() {
            refusals[oldest.question] = nil
        }
        order.append((question, until))
    }

    fileprivate mutating func forgetOld(now: UInt64) {
        while let oldest = order.first, oldest.until <= now {
            order.removeFirst()
            refusals[oldest.question] = nil
        }
    }
}
