import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// What comes for one watcher on this node. It holds only so much: what a watcher is too slow for is counted and told.
final class WatcherFeed: Sendable {
    enum Item: Sendable {
        /// The watch has reached so many nodes.
        case began(nodes: Int)
        case batch(EventBatch)
    }

    let id: String
    let items: AsyncStream<Item>
    private let continuation: AsyncStream<Item>.Continuation
    private let lost = Mutex<[NodeID: Int]>([:])

    init(id: String, limit: Int) {
        self.id = id
        (items, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(limit))
    }

    func began(nodes: Int) { continuation.yield(.began(nodes: nodes)) }

    func put(_ batch: EventBatch) {
        guard case .dropped = continuation.yield(.batch(batch)) else { return }
        let count = batch.dropped + batch.lines.readableBytesView.count { $0 == UInt8(ascii: "\n") }
        lost.withLock { $0[batch.node, default: 0] += count }
    }

    /// Events of the node that did not fit since this was last asked.
    func takeLost(of node: NodeID) -> Int { lost.withLock { $0.removeValue(forKey: node) } ?? 0 }

    func finish() { continuation.finish() }
}
