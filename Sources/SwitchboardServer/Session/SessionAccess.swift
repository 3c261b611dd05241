import SwitchboardCore
import SwitchboardProtocol

/// What a client may do by itself once it is connected, and until when it may stay.
final class SessionAccess {
    private var permission: GroupPermission
    private var publishable: [GroupPattern]
    /// Groups that the backend gave to it when it was asked.
    private let given: [GroupName]
    /// Unix time in milliseconds; nil for a client without a token.
    private var expiresAt: UInt64?
    /// The key of the token; nil for a client without one.
    private(set) var signer: KeyHash?

    /// - Parameter joinable: The setting `joinableGroups`.
    init(_ grant: ClientGrant?, joinable: [GroupPattern]?, given: [GroupName]) {
        permission = GroupPermission(grant: grant, configured: joinable)
        self.given = given
        publishable = grant?.publishable ?? []
        expiresAt = grant.map { Self.milliseconds($0.expiresAt) }
        signer = grant?.signer
    }

    /// Whether it may enter and leave this group.
    func allows(_ group: GroupName) -> Bool { permission.allows(group) || given.contains(group) }

    /// Whether its token lets it publish to this group.
    func allowsPublishing(to group: GroupName) -> Bool { publishable.contains { $0.matches(group) } }

    /// A newer token says what may be joined, and until when.
    func renew(_ grant: ClientGrant, joinable: [GroupPattern]?) {
        permission = GroupPermission(grant: grant, configured: joinable)
        publishable = grant.publishable
        expiresAt = Self.milliseconds(grant.expiresAt)
        signer = grant.signer
    }

    /// - Parameter now: Unix time in milliseconds.
    func hasExpired(now: UInt64) -> Bool { expiresAt.map { $0 <= now } ?? false }

    /// Ticks of the timer wheel until it expires; nil when it does not.
    ///
    /// - Parameter now: Unix time in milliseconds.
    func ticksLeft(now: UInt64) -> UInt64? {
        expiresAt.map { end in
            let tick = UInt64(Shard.tick)
            return end <= now ? 1 : (end - now + tick - 1) / tick
        }
    }

    private static func milliseconds(_ seconds: Double) -> UInt64 { UInt64(max(0, seconds * 1000).rounded(.up)) }
}
