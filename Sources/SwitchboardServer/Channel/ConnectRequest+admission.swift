import SwitchboardCore
import SwitchboardProtocol

/// Who the client is: what it shows, and what that allows.
extension ConnectRequest {
    /// The token of the header `Authorization`; nil when it is not there.
    static func bearer(_ values: [String]) throws(Problem) -> String? {
        do throws(Refusal) { return try Authenticator.bearer(values).map(String.init) } catch { throw Problem(error) }
    }

    /// Decides who the client is, as far as that is known at once. ``token`` is left to be settled when its key has to be
    /// fetched first.
    ///
    /// - Parameter mayShowLater: It can send a `hello` with a token.
    /// - Throws: Why it may not connect.
    mutating func authenticate(on node: Node, mayShowLater: Bool) throws(Problem) {
        guard let token else {
            guard node.authenticator.policy.guardsClients else { return try admit(nil, on: node) }
            guard mayShowLater else { throw Problem(.missingToken) }
            awaitsToken = true
            return
        }
        switch node.authenticator.client(token) {
        case .known(let grant): try admit(grant, on: node)
        case .refused(let refusal): throw Problem(refusal)
        case .waits: break
        }
    }

    /// What became of a token for which a key had to be fetched.
    mutating func admit(_ answer: Result<ClientGrant, Refusal>, on node: Node) throws(Problem) {
        switch answer {
        case .success(let grant): try admit(grant, on: node)
        case .failure(let refusal): throw Problem(refusal)
        }
    }

    /// Takes in what a token says of the client.
    ///
    /// - Parameter grant: nil for a client without a token.
    /// - Throws: what ``ClientAdmission`` throws, `label_not_allowed`, and `too_many_groups`.
    mutating func admit(_ grant: ClientGrant?, on node: Node) throws(Problem) {
        // What the backend gave, when it was asked before the token came, is allowed in any case.
        let given = self.grant ?? Grant()
        let configuration = node.configuration
        do throws(Refusal) {
            let admission = try ClientAdmission(
                client: client, groups: groups.filter { !given.groups.contains($0) }, grant: grant,
                isTokenNeeded: node.authenticator.policy.guardsClients, joinable: configuration.auth.joinableGroups)
            client = admission.client
            groups = admission.groups + given.groups.filter { !admission.groups.contains($0) }
            if let grant {
                try checkLabels(grant, given)
                labels = grant.labels.merging(given.labels) { $1 }
            }
        } catch { throw Problem(error) }
        guard configuration.maximumGroups == 0 || groups.count <= configuration.maximumGroups else {
            throw .tooManyGroups(configuration.maximumGroups)
        }
        (tokenGrant, token, awaitsToken) = (grant, nil, false)
    }

    /// The `hello` of a client that has shown who it is must not say otherwise.
    func check(_ hello: ClientFrame.Hello) throws(Refusal) {
        guard let tokenGrant else { return }
        if let named = hello.client, named != tokenGrant.client { throw .anotherClient }
        try checkLabels(tokenGrant, grant ?? Grant())
    }

    /// By labels pushes find clients: whoever could choose its own would get what is for others.
    private func checkLabels(_ grant: ClientGrant, _ given: Grant) throws(Refusal) {
        for (name, value) in labels where grant.labels[name] != value && given.labels[name] != value {
            throw .labelNotAllowed
        }
    }
}

extension Refusal {
    static let missingToken = Refusal(
        .missingCredentials, "a client shows a token: in Authorization: Bearer, in the query as token, or in hello")
    static let labelNotAllowed = Refusal(.labelNotAllowed, "the token does not give the client this label")
}

extension Authenticator {
    /// What a client's token says, if need be after its key has been fetched.
    func settled(_ token: String) async -> Result<ClientGrant, Refusal> {
        do throws(Refusal) { return .success(try await settled(client(token)) { client(token) }) } catch {
            return .failure(error)
        }
    }
}

extension AuthTally {
    /// A problem that is nobody's fault but that of what was shown.
    func count(_ problem: Problem, of kind: Kind) {
        if let reason = problem.reason { count(reason: reason, of: kind) }
    }
}
