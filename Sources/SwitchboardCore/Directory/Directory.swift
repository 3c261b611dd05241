public import SwitchboardProtocol
import Synchronization

/// Where a session lives: which event loop's shard, which slot there.
///
/// A slot is used again after its session has gone, so the generation tells whether it is still the same session.
public struct SessionPlace: Hashable, Sendable {
    public var shard: UInt32
    public var slot: UInt32
    public var generation: UInt32

    public init(shard: UInt32, slot: UInt32, generation: UInt32) {
        self.shard = shard
        self.slot = slot
        self.generation = generation
    }
}

/// The node's map of clientId to session, the only structure that event loops share; behind striped locks.
public final class Directory: Sendable {
    private struct Entry {
        var place: SessionPlace
        var epoch: UInt64
    }

    private final class Stripe: Sendable {
        let entries = Mutex<[ClientID: Entry]>([:])
    }

    private let stripes: [Stripe]

    /// - Parameter stripes: How many locks share the map.
    public init(stripes: Int = 64) {
        self.stripes = (0..<max(1, stripes)).map { _ in Stripe() }
    }

    private func stripe(_ client: ClientID) -> Stripe {
        // The map hashes the name as well; for the stripe its last characters are enough, which differ most.
        var mixed: UInt = 0
        for byte in client.rawValue.utf8.suffix(4) { mixed = mixed &* 31 &+ UInt(byte) }
        return stripes[Int(mixed % UInt(stripes.count))]
    }

    /// What ``insert(_:at:epoch:)`` did.
    public enum Insertion: Hashable, Sendable {
        case inserted
        /// The older session of this client on this node, which must be closed.
        case replaced(SessionPlace)
        /// A newer session of this client is here already; the given one must be closed.
        case outdated
    }

    /// Makes the session at `place` the client's session on this node, unless a newer one (by epoch) is there.
    public func insert(_ client: ClientID, at place: SessionPlace, epoch: UInt64) -> Insertion {
        stripe(client).entries.withLock { entries in
            guard let older = entries[client] else {
                entries[client] = Entry(place: place, epoch: epoch)
                return .inserted
            }
            guard older.epoch < epoch else { return .outdated }
            entries[client] = Entry(place: place, epoch: epoch)
            return .replaced(older.place)
        }
    }

    /// Forgets the session, unless another one took its place.
    public func remove(_ client: ClientID, at place: SessionPlace) {
        stripe(client).entries.withLock { entries in
            if entries[client]?.place == place { entries[client] = nil }
        }
    }

    public func place(of client: ClientID) -> SessionPlace? {
        stripe(client).entries.withLock { $0[client]?.place }
    }

    /// The client's session here, if it is older than `epoch`.
    public func place(of client: ClientID, before epoch: UInt64) -> SessionPlace? {
        stripe(client).entries.withLock { entries in
            entries[client].flatMap { $0.epoch < epoch ? $0.place : nil }
        }
    }

    public var count: Int {
        stripes.reduce(0) { $0 + $1.entries.withLock { $0.count } }
    }
}
