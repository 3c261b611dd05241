import Logging
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Empties the node: nobody new comes in, then its sessions are told to go, at a pace, each with a moment of its own. What is
/// sent to them is delivered until the last has gone, and requests are answered all the time.
///
/// By request it can be taken back; when the process is to stop it cannot.
final class NodeDrain: Sendable {
    enum Phase: String, Sendable {
        case serving, draining, drained

        /// What a node's record says of it.
        init(_ node: NodeDescription) {
            self = !node.isDraining ? .serving : node.sessions > 0 ? .draining : .drained
        }
    }

    private struct State {
        var phase = Phase.serving
        var isStopping = false
        var isHurried = false
        var since: ContinuousClock.Instant?
        var delay: Task<Void, Never>?
        var work: Task<Void, Never>?
    }

    private let configuration: ServerConfiguration
    private let state = Mutex(State())
    private let draining = Atomic(false)

    init(configuration: ServerConfiguration) { self.configuration = configuration }

    /// Nobody new is to come in. Cheap.
    var isDraining: Bool { draining.load(ordering: .relaxed) }
    var phase: Phase { state.withLock { $0.phase } }

    /// Seconds that are left of the limit; nil while nothing is to end.
    var secondsLeft: Double? {
        let limit = configuration.drainLimit > 0 ? configuration.drainLimit : .infinity
        return state.withLock { $0.since }.map { max(0, limit - ($0.duration(to: .now) / .seconds(1))) }
    }

    /// Nothing when it is draining already.
    func begin(_ node: Node) {
        state.withLock { state in
            guard state.phase == .serving else { return }
            draining.store(true, ordering: .relaxed)
            state.phase = .draining
            state.since = .now
            let delay = state.isHurried ? 0 : configuration.drainDelay
            let waiting = Task { _ = try? await Task.sleep(for: .seconds(delay)) }
            state.delay = waiting
            state.work = Task { await self.drain(node, after: waiting) }
        }
    }

    /// The process is to stop: begins, unless that was done by request, and returns when the node is empty or the time is up.
    func finish(_ node: Node) async {
        let isEarlier = state.withLock { state in
            state.isStopping = true
            // Empty for long already: what is being answered has the whole time.
            if state.phase == .drained { state.since = .now }
            return state.phase != .serving
        }
        if !isEarlier { begin(node) }
        await state.withLock { $0.work }?.value
    }

    /// There is no load balancer that has to notice first: the person at the terminal is waiting.
    func hurry() {
        let delay: Task<Void, Never>? = state.withLock { state in
            state.isHurried = true
            return state.delay
        }
        delay?.cancel()
    }

    /// The node is to take clients again.
    ///
    /// - Returns: false when the process is stopping.
    func cancel(_ node: Node) async -> Bool {
        let work: Task<Void, Never>? = state.withLock { state in
            guard !state.isStopping else { return nil }
            state.phase = .serving
            state.since = nil
            state.delay?.cancel()
            draining.store(false, ordering: .relaxed)
            state.work?.cancel()
            defer { state.work = nil }
            return state.work ?? Task {}
        }
        guard let work else { return false }
        await work.value
        for shard in node.shards { shard.loop.execute { shard.keepAll() } }
        node.metrics.endedDraining()
        node.logger.notice("serving again")
        node.noteState(.nodeServing)
        return true
    }

    // MARK: The work

    private func drain(_ node: Node, after delay: Task<Void, Never>) async {
        let count = node.sessionCount.value
        node.metrics.beganDraining(sessions: count)
        node.logger.notice("draining", metadata: ["sessions": "\(count)"])
        node.noteState(.nodeDraining)
        await withTaskCancellationHandler {
            await delay.value
        } onCancel: {
            delay.cancel()
        }
        guard !Task.isCancelled else { return }
        await empty(node)
        let isDone = state.withLock { state in
            guard state.phase == .draining, !Task.isCancelled else { return false }
            state.phase = .drained
            return true
        }
        guard isDone else { return }
        node.logger.notice("drained", metadata: ["sessions": "\(count)", "left": "\(node.sessionCount.value)"])
        // A node that stops gives its lease up now: it must not take it again.
        node.noteState(.nodeDrained, isListed: !state.withLock { $0.isStopping })
    }

    private func empty(_ node: Node) async {
        guard let since = state.withLock({ $0.since }) else { return }
        func elapsed() -> Double { since.duration(to: .now) / .seconds(1) }
        var pace = DrainPace(
            rate: configuration.drainRate, limit: configuration.drainLimit, sessions: node.sessionCount.value,
            now: elapsed())
        // Answers to close frames are awaited no longer than this.
        let end = configuration.drainLimit > 0 ? configuration.drainLimit - 1 : .infinity
        repeat {
            var left = Shard.Census()
            for shard in node.shards {
                guard let part = try? await shard.loop.submit({ shard.census }).get() else { continue }
                left.sockets += part.sockets
                left.untold += part.untold
            }
            guard left.sockets > 0, elapsed() < end else { return }
            if elapsed() > pace.lastCall + pace.spread {
                for shard in node.shards { shard.loop.execute { shard.closeAll(.drain) } }
            } else {
                await sendAway(pace.due(at: elapsed(), left: left.untold), pace.spread, node)
            }
        } while (try? await Task.sleep(for: .milliseconds(50))) != nil
    }

    private func sendAway(_ count: Int, _ spread: Double, _ node: Node) async {
        var due = count
        for shard in node.shards where due > 0 {
            let left = due
            due -= (try? await shard.loop.submit { shard.sendAway(left, .drain, spread: spread) }.get()) ?? 0
        }
    }
}
