import NIOCore
import Synchronization

/// How much several holders may keep together.
final class MemoryBudget: Sendable {
    private let limit: Int
    private let used = Atomic<Int>(0)

    /// - Parameter limit: Bytes.
    init(_ limit: Int) { self.limit = limit }

    var bytes: Int { used.load(ordering: .relaxed) }

    /// - Parameter bytes: May be negative: given back, which never fails.
    /// - Returns: false, and nothing is taken, when that much is not left.
    func take(_ bytes: Int) -> Bool {
        let (_, sum) = used.wrappingAdd(bytes, ordering: .relaxed)
        guard bytes > 0, sum > limit else { return true }
        used.wrappingSubtract(bytes, ordering: .relaxed)
        return false
    }

    func give(_ bytes: Int) { used.wrappingSubtract(bytes, ordering: .relaxed) }
}

extension ByteBuffer {
    /// The same bytes in storage of their own, when the storage that they share is much larger: what is kept for long must
    /// not keep a whole receive buffer alive, which nobody would count.
    func compacted() -> ByteBuffer {
        guard storageCapacity > 2 * readableBytes + 1024 else { return self }
        return ByteBuffer(bytes: readableBytesView)
    }
}
