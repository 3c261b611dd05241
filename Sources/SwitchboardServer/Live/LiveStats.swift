import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Statistics of all nodes, again and again, for the operator sockets of this one: however many want them, the nodes are asked
/// once a second at most, and nobody is asked while nobody wants to know.
final class LiveStats: Sendable {
    private struct Listener {
        let interval: UInt64
        /// Monotonic milliseconds.
        var dueAt: UInt64
        let hear: @Sendable (ByteBuffer) -> Void
    }

    private struct State {
        var listeners: [String: Listener] = [:]
        var isTicking = false
    }

    private let state = Mutex(State())

    /// - Parameters:
    ///   - id: Of the socket; what it wanted before holds no more.
    ///   - seconds: Between two frames.
    ///   - hear: Takes a frame, on any thread.
    func listen(_ id: String, every seconds: Int, on node: Node, hear: @escaping @Sendable (ByteBuffer) -> Void) {
        let listener = Listener(interval: UInt64(seconds) * 1000, dueAt: MonotonicClock.milliseconds(), hear: hear)
        let begins = state.withLock { state in
            state.listeners[id] = listener
            defer { state.isTicking = true }
            return !state.isTicking
        }
        if begins { Task { await tick(node) } }
    }

    func end(_ id: String) { state.withLock { $0.listeners[id] = nil } }

    private func tick(_ node: Node) async {
        let clock = ContinuousClock()
        while true {
            let next = clock.now + .seconds(1)
            let due = takeDue()
            if !due.isEmpty {
                let frame = await Self.frame(node)
                for hear in due { hear(frame) }
            }
            let goesOn = state.withLock { state in
                state.isTicking = !state.listeners.isEmpty
                return state.isTicking
            }
            guard goesOn else { return }
            try? await clock.sleep(until: next)
        }
    }

    private func takeDue() -> [@Sendable (ByteBuffer) -> Void] {
        // Ticks do not come to the millisecond, and a second must not become two.
        let now = MonotonicClock.milliseconds() + 100
        return state.withLock { state in
            var due: [@Sendable (ByteBuffer) -> Void] = []
            for (id, listener) in state.listeners where listener.dueAt <= now {
                state.listeners[id]?.dueAt = max(listener.dueAt + listener.interval, now)
                due.append(listener.hear)
            }
            return due
        }
    }

    private static func frame(_ node: Node) async -> ByteBuffer {
        var replies = (try? await node.conversations.ask(.stats)) ?? Conversations.Replies()
        // While the bus is away a node still knows itself.
        if replies.bodies.isEmpty { replies.bodies = [(node.id, await NodeReport.body(for: .stats, of: node))] }
        return JSONObjectWriter.document { json in
            json.string("type", "stats")
            json.integer("at", Int(clamping: WallClock.milliseconds()))
            json.list("nodes", NodeReport.figures(of: replies)) { entry, node in
                entry.string("node", node.id.rawValue)
                for (name, value) in node.figures { entry.integer(named: name, value) }
            }
            json.boolean("complete", replies.isComplete)
        }
    }
}
