import Logging
import NIOCore
import ServiceLifecycle
import SwitchboardCore
import Synchronization

/// The keys in force, and the fetching of newer ones.
///
/// What fails leaves the old set as it is. Fetches never run side by side: whoever wants one waits for the one under way.
final class TokenKeyStore: Service {
    private struct State {
        var set: TokenKeySet
        var schedule: KeySetSchedule
        var fetch: Task<Bool, Never>?
        var fault: TokenKey.Fault?
        /// Of the keys that were fetched.
        var names: [String] = []
    }

    private let fixed: [TokenKey]
    private let allowsSecrets: Bool
    private let load: KeySetLoader?
    private let now: @Sendable () -> UInt64
    private let logger: Logger
    private let state: Mutex<State>
    private let changes = Atomic(0)

    /// - Parameters:
    ///   - fixed: Keys that are always there.
    ///   - load: Gets the others; nil when there are none.
    ///   - interval: Seconds between two fetches; 0 fetches at the start and for unknown keys only.
    ///   - now: Nanoseconds.
    init(
        fixed: [TokenKey], allowsSecrets: Bool, interval: Double, load: KeySetLoader?,
        now: @escaping @Sendable () -> UInt64 = MonotonicClock.nanoseconds, logger: Logger
    ) {
        self.fixed = fixed
        self.allowsSecrets = allowsSecrets
        self.load = load
        self.now = now
        self.logger = logger
        state = Mutex(State(set: TokenKeySet(fixed), schedule: KeySetSchedule(interval: UInt64(interval * 1e9))))
    }

    /// The keys in force.
    var keys: TokenKeySet { state.withLock { $0.set } }

    /// Rises when keys may have changed, right after they have.
    var version: Int { changes.load(ordering: .acquiring) }

    /// Whether keys are to be fetched and none have come yet.
    var isAwaited: Bool { load != nil && keys.version == 0 }

    /// Why the last fetch has failed; nil when it has not.
    var fault: TokenKey.Fault? { state.withLock { $0.fault } }

    /// Fetches the set again, or waits for the fetch that is under way.
    ///
    /// - Returns: Whether it succeeded; true when there is nothing to fetch.
    @discardableResult
    func refresh() async -> Bool {
        guard let load else { return true }
        let fetch = state.withLock { state in
            if let fetch = state.fetch { return fetch }
            state.schedule.began(now: now())
            let fetch = Task { await self.fetch(load) }
            state.fetch = fetch
            return fetch
        }
        return await fetch.value
    }

    /// A token names a key that is not in the set, or none while the set is awaited: then the id is empty.
    ///
    /// - Parameter otherwise: What is thrown when the newest set does not have it either.
    /// - Throws: also `signers_unavailable` when nobody can say that.
    func bring(_ id: String, otherwise: Refusal) async throws(Refusal) {
        guard load != nil else { throw otherwise }
        switch state.withLock({ $0.schedule.step(missing: id, now: now()) }) {
        case .absent: throw otherwise
        case .later(let seconds):
            // It may have come while the token was on its way here.
            guard keys.holds(id) else { throw .signersUnavailable(retryAfter: seconds) }
        case .fetch:
            let isSuccess = await refresh()
            let isThere = state.withLock { state in
                if state.set.holds(id) { return true }
                if isSuccess, !id.isEmpty { state.schedule.note(absent: id) }
                return false
            }
            guard !isThere else { return }
            guard isSuccess else { throw .signersUnavailable(retryAfter: Self.retryAfter) }
            guard !id.isEmpty else { return }
            throw otherwise
        }
    }

    /// Seconds.
    private static let retryAfter = 5

    private func fetch(_ load: KeySetLoader) async -> Bool {
        var fault: TokenKey.Fault?
        var new: (keys: [TokenKey], remarks: [String])?
        do throws(TokenKey.Fault) {
            new = try await TokenKeySet.reading(try await load(), allowsSecrets: allowsSecrets)
        } catch { fault = error }
        let names = new.map { Self.names(of: $0.keys) }
        let (wasFailing, isNew) = state.withLock { state in
            let (wasFailing, isNew) = (state.fault != nil, names != nil && names != state.names)
            if let new { state.set = TokenKeySet(fixed + new.keys, version: state.set.version + 1) }
            if let names { state.names = names }
            state.fault = fault
            state.schedule.ended(isSuccess: fault == nil, now: now())
            state.fetch = nil
            return (wasFailing, isNew)
        }
        if new != nil { changes.add(1, ordering: .releasing) }
        if let fault {
            let level: Logger.Level = wasFailing ? .debug : .warning
            logger.log(level: level, "the keys for tokens cannot be had", metadata: ["reason": "\(fault)"])
        } else if let new, wasFailing || isNew {
            logger.info("the keys for tokens were read", metadata: ["keys": "\(new.keys.count)"])
            for remark in new.remarks.prefix(5) { logger.warning("a key for tokens: \(remark)") }
        }
        return fault == nil
    }

    private static func names(of keys: [TokenKey]) -> [String] {
        keys.map { "\($0.algorithm.rawValue) \($0.id ?? "")" }
    }

    /// Fetches the set at the start and whenever it is due.
    func run() async throws {
        guard load != nil else { return try await gracefulShutdown() }
        await cancelWhenGracefulShutdown {
            await self.refresh()
            while !Task.isCancelled {
                let (due, now) = (self.state.withLock { $0.schedule.due } ?? .max, self.now())
                if due <= now {
                    await self.refresh()
                } else {
                    // A fetch that a token has caused moves the time.
                    let pause = min(Int64(clamping: due - now), Self.longestPause)
                    do { try await Task.sleep(for: .nanoseconds(pause)) } catch { return }
                }
            }
        }
    }

    /// A day, in nanoseconds.
    private static let longestPause: Int64 = 86_400_000_000_000
}
