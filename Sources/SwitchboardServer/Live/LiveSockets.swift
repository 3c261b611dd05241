import Synchronization

/// The operator sockets of this node: how many there are, and what they share.
final class LiveSockets: Sendable {
    /// The most sockets of operators that have been let in ...
    static let limit = 64
    /// ... and of those that still have to show a key. They are counted apart, so that strangers keep nobody out who has one.
    static let maximumStrangers = 64

    /// What a socket takes while it is open.
    enum Place: Hashable, Sendable { case known, stranger }

    private let taken = Mutex<[Place: Int]>([:])
    let stats = LiveStats()

    func hasRoom(for place: Place) -> Bool { taken.withLock { $0[place, default: 0] < Self.limit(of: place) } }

    /// - Returns: false when there is none left.
    func take(_ place: Place) -> Bool {
        taken.withLock { taken in
            guard taken[place, default: 0] < Self.limit(of: place) else { return false }
            taken[place, default: 0] += 1
            return true
        }
    }

    func giveBack(_ place: Place) { taken.withLock { $0[place, default: 1] -= 1 } }

    private static func limit(of place: Place) -> Int { place == .known ? limit : maximumStrangers }
}

/// An operator who has been let in.
struct LiveCaller: Sendable {
    /// The least that an operator may.
    static let access = RouteAccess.of("GET", LiveUpgrade.path) ?? .backends([])

    /// nil where nobody is asked for a key.
    var standing: Standing?

    var principal: Principal { standing?.principal ?? .anonymous }
}

extension Node {
    /// Lets an operator in.
    ///
    /// - Parameter authorization: The values of the header `Authorization`, or what would stand there.
    /// - Throws: why not.
    func admitOperator(showing authorization: [String]) async throws(Refusal) -> LiveCaller {
        guard authenticator.policy.guardsAPI else { return LiveCaller() }
        let version = authenticator.version
        let principal = try await authenticator.settledPrincipal(authorization)
        try LiveCaller.access.check(principal)
        return LiveCaller(
            standing: Standing(
                authenticator, principal, showing: authorization, access: LiveCaller.access, version: version))
    }
}
