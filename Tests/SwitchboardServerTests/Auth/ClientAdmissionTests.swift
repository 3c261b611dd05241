import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct ClientAdmissionTests {
    private static let grant = ClientGrant(
        client: ClientID(unchecked: "a"), groups: [GroupName(unchecked: "g")], joinable: [], labels: [:], expiresAt: 1)

    private func admitted(
        _ client: String?, _ groups: [String], _ grant: ClientGrant?, isTokenNeeded: Bool
    ) throws(Refusal) -> String {
        let admission = try ClientAdmission(
            client: client.map { ClientID(unchecked: $0) }, groups: groups.map { GroupName(unchecked: $0) },
            grant: grant,
            isTokenNeeded: isTokenNeeded, joinable: nil)
        return ([admission.client?.rawValue ?? "?"] + admission.groups.map(\.rawValue)).joined(separator: " ")
    }

    @Test("Without a token a client is whom it says, where that is allowed") func anonymous() throws {
        #expect(try admitted("x", ["h"], nil, isTokenNeeded: false) == "x h")
        #expect(try admitted(nil, [], nil, isTokenNeeded: false) == "?")
        let reason = refusal { () throws(Refusal) in try admitted("x", [], nil, isTokenNeeded: true) }
        #expect(reason == .missingCredentials)
    }

    @Test("With a token it is whom the token says", arguments: [false, true]) func token(isTokenNeeded: Bool) throws {
        #expect(try admitted(nil, [], Self.grant, isTokenNeeded: isTokenNeeded) == "a g")
        #expect(try admitted("a", ["g"], Self.grant, isTokenNeeded: isTokenNeeded) == "a g")
        let other = refusal { () throws(Refusal) in
            try admitted("b", [], Self.grant, isTokenNeeded: isTokenNeeded)
        }
        #expect(other == .anotherClient)
        let group = refusal { () throws(Refusal) in
            try admitted("a", ["g", "h"], Self.grant, isTokenNeeded: isTokenNeeded)
        }
        #expect(group == .groupNotAllowed)
    }

    @Test("A newer token is for the same client") func renewal() {
        #expect(refusal { () throws(Refusal) in try Self.grant.check(renews: ClientID(unchecked: "a")) } == nil)
        #expect(
            refusal { () throws(Refusal) in try Self.grant.check(renews: ClientID(unchecked: "b")) } == .anotherClient)
    }
}
