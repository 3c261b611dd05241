import SwitchboardProtocol

/// Decides who may push, for the requests of one connection.
struct PushAdmission {
    /// What is known of who asks.
    enum Answer: Sendable {
        case known(Principal)
        case refused(Refusal)
        /// The keys have to be fetched first.
        case waits(@Sendable () async throws(Refusal) -> Principal)
    }

    private let authenticator: Authenticator
    private var last = LastCaller()

    init(_ authenticator: Authenticator) { self.authenticator = authenticator }

    /// - Parameters:
    ///   - range: Where in `bytes` the value of the header `Authorization` is; nil when it is not there.
    ///   - route: What the caller wants to use.
    mutating func caller(_ range: Range<Int>?, in bytes: UnsafeRawBufferPointer, for route: PushRoute) -> Answer {
        guard authenticator.policy.guardsAPI else { return .known(.anonymous) }
        guard let range else { return .refused(.missingCredentials) }
        let authorization = UnsafeRawBufferPointer(rebasing: bytes[range])
        let access = route.access
        switch authenticator.principal(authorization, last: &last) {
        case .known(let principal):
            do throws(Refusal) { try access.check(principal) } catch { return .refused(error) }
            return .known(principal)
        case .refused(let refusal): return .refused(refusal)
        case .waits:
            let (authenticator, values) = (authenticator, [String(decoding: authorization, as: UTF8.self)])
            return .waits { () async throws(Refusal) in
                let principal = try await authenticator.settledPrincipal(values)
                try access.check(principal)
                return principal
            }
        }
    }
}

extension PushRoute {
    private static let pushAccess = access("/v1/push")
    private static let broadcastAccess = access("/v1/broadcast")
    private static let clientAccess = access("/v1/clients/:id/push")
    private static let groupAccess = access("/v1/groups/:name/push")

    /// Who may use it.
    var access: RouteAccess {
        switch self {
        case .push: Self.pushAccess
        case .client: Self.clientAccess
        case .group: Self.groupAccess
        case .broadcast: Self.broadcastAccess
        }
    }

    /// What is not in the table is for nobody but ``Scopes/admin``.
    private static func access(_ path: String) -> RouteAccess { RouteAccess.of("POST", path) ?? .backends([]) }
}
