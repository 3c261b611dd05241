import SwitchboardProtocol

/// Who a client is, out of what it says itself and what its token says.
struct ClientAdmission: Hashable, Sendable {
    /// nil for a client without a token that has not named itself.
    let client: ClientID?
    /// Those that it asked for and those that it is put in.
    let groups: [GroupName]

    /// - Parameters:
    ///   - client: As it names itself, in the URL or in `hello`.
    ///   - groups: What it asks for.
    ///   - grant: What its token says; nil without a token.
    ///   - isTokenNeeded: ``AccessPolicy/guardsClients``.
    ///   - joinable: The setting `joinableGroups`.
    /// - Throws: `missing_credentials`, `another_client` or `group_not_allowed`.
    init(
        client: ClientID?, groups: [GroupName], grant: ClientGrant?, isTokenNeeded: Bool, joinable: [GroupPattern]?
    ) throws(Refusal) {
        guard grant != nil || !isTokenNeeded else { throw .missingToken }
        if let grant, let client {
            guard client == grant.client else { throw .anotherClient }
        }
        try GroupPermission(grant: grant, configured: joinable).check(groups)
        self.client = grant?.client ?? client
        self.groups = groups + (grant?.groups ?? []).filter { !groups.contains($0) }
    }
}

extension ClientGrant {
    /// A newer token for a session that is open: it must be for the same client. What it says of groups and labels counts
    /// from the next connection on; what may be joined, and until when, counts at once.
    ///
    /// - Throws: `another_client`.
    func check(renews client: ClientID) throws(Refusal) {
        guard client == self.client else { throw .anotherClient }
    }
}
