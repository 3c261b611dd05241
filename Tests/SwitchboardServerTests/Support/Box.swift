import Synchronization

/// What was given to a completion, in order.
final class Box<Value: Sendable>: Sendable {
    private let all = Mutex<[Value]>([])

    var list: [Value] { all.withLock { $0 } }

    func add(_ value: Value) { all.withLock { $0.append(value) } }
}
