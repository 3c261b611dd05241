import Logging
import NIOCore
import ServiceLifecycle
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardWebSocket

/// Ends the node's sessions in good order when the process is to stop: each gets its own delay, and their number a second
/// is bounded, so that the fleet does not come back in one instant.
struct SessionDrain: Service {
    let node: Node

    func run() async throws {
        try? await gracefulShutdown()
        node.beginDraining()
        await drain()
        node.stop()
    }

    private func drain() async {
        let rate = max(1, node.configuration.drainRate)
        // Ten batches a second.
        let share = max(1, rate / 10 / max(1, node.loopCount))
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(node.configuration.drainLimit)
        while node.sessionCount.value > 0, clock.now < deadline {
            let left = node.sessionCount.value
            let spread = max(1, Double(left) / Double(rate))
            for shard in node.shards {
                shard.loop.execute { shard.drain(share, spread: spread) }
            }
            try? await clock.sleep(for: .milliseconds(100))
        }
        await waitForSockets(until: deadline)
    }

    /// The last close frames are answered, or their time is up.
    private func waitForSockets(until deadline: ContinuousClock.Instant) async {
        let clock = ContinuousClock()
        let limit = min(deadline, clock.now + .seconds(2))
        while clock.now < limit {
            var isEmpty = true
            for shard in node.shards {
                let left = try? await shard.loop.submit { shard.table.slots.contains { $0.session != nil } }.get()
                if left == true { isEmpty = false }
            }
            if isEmpty { return }
            try? await clock.sleep(for: .milliseconds(20))
        }
    }
}

extension Shard {
    /// Closes up to `count` sessions.
    ///
    /// - Parameter spread: Seconds over which their reconnects are spread.
    func drain(_ count: Int, spread: Double) {
        var left = count
        for slot in table.slots where left > 0 && slot.isOpen {
            guard let session = slot.session else { continue }
            let delay = (Double.random(in: 0...spread) * 10).rounded() / 10
            if session.mode == .framed { session.send(.goaway(reason: "the node is stopping", reconnectAfter: delay)) }
            session.close(.nodeDraining, reason: "after=\(delay)")
            left -= 1
        }
    }
}
