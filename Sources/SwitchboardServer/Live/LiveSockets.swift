import Synchronization

/// The operator sockets of this node: how many there are, and what they share.
final class LiveSockets: Sendable {
    /// The most sockets of operators that have been let in ...
    static let limit = 64
    /// ... and of those that still have to show a key. They are counted apart, so that strangers keep nobody out who has shown
    /// one; and by address, so that they do not keep out either who is about to.
    static let maximumStrangers = 64
    static let maximumStrangersOfAddress = 8

    /// What a socket takes while it is open.
    enum Place: Hashable, Sendable {
        case known
        /// From this address.
        case stranger(String)
    }

    private struct Taken {
        var known = 0
        var strangers = 0
        var byAddress: [String: Int] = [:]

        func hasRoom(for place: Place) -> Bool {
            switch place {
            case .known: known < limit
            case .stranger(let address):
                strangers < maximumStrangers && byAddress[address, default: 0] < maximumStrangersOfAddress
            }
        }
    }

    private let taken = Mutex(Taken())
    let stats = LiveStats()

    func hasRoom(for place: Place) -> Bool { taken.withLock { $0.hasRoom(for: place) } }

    /// - Returns: false when there is none left.
    func take(_ place: Place) -> Bool {
        taken.withLock { taken in
            guard taken.hasRoom(for: place) else { return false }
            switch place {
            case .known: taken.known += 1
            case .stranger(let address):
                taken.strangers += 1
                taken.byAddress[address, default: 0] += 1
            }
            return true
        }
    }

    func giveBack(_ place: Place) {
        taken.withLock { taken in
            switch place {
            case .known: taken.known -= 1
            case .stranger(let address):
                taken.strangers -= 1
                let left = taken.byAddress[address, default: 1] - 1
                taken.byAddress[address] = left > 0 ? left : nil
            }
        }
    }
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
