import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// A node of the cluster under test.
struct Node {
    let id: NodeID
    let bus: any Bus
    let store: any Store
    let recorder: Recorder
}

extension ClusterFixture {
    func node(_ name: String) async throws -> Node {
        let recorder = Recorder()
        let id = NodeID(unchecked: name)
        let (bus, store) = try await makeNode(id, receiver: recorder)
        return Node(id: id, bus: bus, store: store, recorder: recorder)
    }
}

extension Node {
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

    /// Registers a new session of the client here and returns it with its epoch.
    func join(_ client: ClientID, groups: [GroupName] = [], labels: [String: String] = [:]) async throws -> (
        record: SessionRecord, epoch: UInt64
    ) {
        let record = session(client, groups: groups, labels: labels)
        guard case .registered(let epoch, _) = try await register(record) else {
            throw BusError.unavailable("\(client) was not registered")
        }
        return (record, epoch)
    }

    func accept(_ message: UpstreamMessage) async throws -> Bool {
        try await withCheckedThrowingContinuation { continuation in
            store.accept(message) { continuation.resume(with: $0) }
        }
    }

    func session(
        _ client: ClientID, address: String = "192.0.2.7", groups: [GroupName] = [], labels: [String: String] = [:]
    ) -> SessionRecord {
        SessionRecord(
            client: client, session: .random(), node: id, mode: .framed, address: address, userAgent: "till/2 \"x\"",
            labels: labels, groups: groups, connectedAt: WallClock.milliseconds())
    }

    func departure(
        of session: SessionRecord, epoch: UInt64, code: CloseCode = .normal, reason: String = "bye",
        isLost: Bool = false
    ) -> Departure {
        Departure(
            client: session.client, session: session.session, node: id, epoch: epoch, closeCode: code.rawValue,
            reason: reason, isLost: isLost, at: WallClock.milliseconds())
    }
}

/// A push to everyone with a text.
func push(_ text: String, to target: Target = .all, id: String = "p1") -> BusMessage {
    push(Payload(format: .text, bytes: ByteBuffer(string: text)), to: target, id: id)
}

func push(_ payload: Payload, to target: Target = .all, id: String = "p1") -> BusMessage {
    .push(
        BusPush(
            id: PushID(unchecked: id), target: target, payload: payload, origin: NodeID(unchecked: "n1"),
            acceptedAt: 1_700_000_000_123))
}

func client(_ name: String) -> ClientID { ClientID(unchecked: name) }
func group(_ name: String) -> GroupName { GroupName(unchecked: name) }

/// Asks again until the answer fits or the time is up, for state that nobody reports.
func eventually<Value>(
    within time: Duration = .seconds(20), _ ask: () async throws -> Value, until fits: (Value) -> Bool
) async throws -> Value {
    let end = ContinuousClock.now + time
    while true {
        let value = try await ask()
        if fits(value) || ContinuousClock.now > end { return value }
        try await Task.sleep(for: .milliseconds(20))
    }
}
