import BusContract
import NIOCore
import SwitchboardCore
import SwitchboardProtocol

@testable import SwitchboardRedis

extension RedisBackplane {
    func publish(_ message: BusMessage) async throws -> Int {
        try await withCheckedThrowingContinuation { continuation in
            bus.publish(message) { continuation.resume(with: $0) }
        }
    }

    func route(_ message: BusMessage, to client: ClientID) async throws -> RouteOutcome {
        try await withCheckedThrowingContinuation { continuation in
            bus.route(message, to: client) { continuation.resume(with: $0) }
        }
    }

    func register(_ session: SessionRecord, policy: DuplicatePolicy = .newest) async throws -> Registration {
        try await withCheckedThrowingContinuation { continuation in
            store.register(session, policy: policy) { continuation.resume(with: $0) }
        }
    }

    func join(_ name: String) async throws -> (record: SessionRecord, epoch: UInt64) {
        let record = session(name)
        guard case .registered(let epoch, _) = try await register(record) else {
            throw BusError.unavailable("\(name) was not registered")
        }
        return (record, epoch)
    }

    func session(_ name: String) -> SessionRecord {
        SessionRecord(
            client: ClientID(unchecked: name), session: .random(), node: bus.node, mode: .raw, address: "192.0.2.1",
            userAgent: nil, labels: [:], groups: [], connectedAt: WallClock.milliseconds())
    }

    func beat() async throws {
        try await store.beat(
            NodeDescription(id: bus.node, version: "", address: "", startedAt: 0, sessions: 0, isDraining: false))
    }
}

func node(_ name: String) -> NodeID { NodeID(unchecked: name) }
func client(_ name: String) -> ClientID { ClientID(unchecked: name) }

func push(_ text: String, target: Target = .all) -> BusMessage { push(ByteBuffer(string: text), target: target) }

func push(_ bytes: ByteBuffer, target: Target = .all) -> BusMessage {
    .push(BusPush(id: PushID(unchecked: "p"), target: target, payload: Payload(format: .text, bytes: bytes)))
}

/// Asks again until the answer fits or the time is up: for state that nobody reports, such as that in Redis itself.
///
/// - Returns: Whether it came to fit.
func eventually(within time: Duration = .seconds(20), _ fits: () async throws -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + time
    while true {
        if try await fits() { return true }
        if ContinuousClock.now > end { return false }
        try await Task.sleep(for: .milliseconds(10))
    }
}
