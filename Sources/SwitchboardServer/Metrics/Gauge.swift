import Synchronization

/// A number that every loop may change and read.
final class Gauge: Sendable {
    private let number = Atomic(0)

    var value: Int { number.load(ordering: .relaxed) }

    func increment() { number.wrappingAdd(1, ordering: .relaxed) }
    func decrement() { number.wrappingSubtract(1, ordering: .relaxed) }
}
