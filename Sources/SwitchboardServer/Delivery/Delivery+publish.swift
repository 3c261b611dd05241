import Crypto
import SwitchboardCore
import SwitchboardProtocol

/// Pushes that clients make.
extension Delivery {
    /// Sends a push of a client to a group. Nobody waits to hear where it arrived, so the nodes give no receipts.
    ///
    /// - Parameters:
    ///   - from: Whom the receivers see as the sender.
    ///   - id: The sender's own name for it. The push's id is made of both, so that what is sent again after a lost connection is
    ///     known to the receivers as a repetition.
    ///   - completion: Called once, on any thread, when the push is on its way.
    func publish(
        _ payload: Payload, to group: GroupName, from client: ClientID, id: String?, isDurable: Bool,
        completion: @escaping @Sendable (Result<Void, BusError>) -> Void
    ) {
        countPublication()
        let accepted = WallClock.microseconds()
        var push = BusPush(
            id: id.map { Self.id(of: $0, by: client) } ?? newID(), target: .group(group), payload: payload,
            acceptedAt: accepted / 1000, microseconds: UInt16(truncatingIfNeeded: accepted % 1000), from: client)
        guard isDurable else {
            return bus.publish(.push(push)) { completion($0.map { _ in }) }
        }
        let seconds = UInt64(limits.timeToLive(push.target))
        push.durable = BusPush.Durable(expiresAt: push.acceptedAt + seconds * 1000)
        store.append(push, limit: limits.historyPushes) { completion($0.map { _ in }) }
    }

    private static func id(of name: String, by client: ClientID) -> PushID {
        // Neither has a line feed to hide in: a client id has only the characters of identifiers.
        let digest = SHA256.hash(data: Array("\(client.rawValue)\n\(name)".utf8))
        return PushID(unchecked: "c-" + Base64URL.encode(digest.prefix(18)))
    }
}
