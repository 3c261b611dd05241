import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct TokenClaimsTests {
    private func claims(_ members: String) throws -> TokenClaims {
        try TokenClaims(try JSONDocument(ByteBuffer(string: #"{"exp":2000000,\#(members)}"#)))
    }

    @Test("A client is named, put into groups and labelled") func client() throws {
        let grant = try claims(
            #""sub":"kiosk-7","groups":["shop-1","shop-1","all:de"],"join":["chat:*"],"publish":["log:till-7"],"labels":{"a":"b"},"other":[{}]"#
        ).client(maximumGroups: 2)
        #expect(grant.client == ClientID(unchecked: "kiosk-7"))
        #expect(grant.groups.map(\.rawValue) == ["shop-1", "all:de"])
        #expect(grant.joinable.map(\.description) == ["chat:*"])
        #expect(grant.publishable.map(\.description) == ["log:till-7"])
        #expect(grant.labels == ["a": "b"])
        #expect(grant.expiresAt == 2_000_000)
    }

    @Test(
        "What a client's token may not say",
        arguments: [
            (#""groups":[]"#, Refusal.Reason.missingClaim), (#""sub":"a b""#, .invalidClaim),
            (#""sub":"""#, .invalidClaim),
            (#""sub":7"#, .invalidClaim), (#""sub":"../c""#, .invalidClaim), (#""sub":"c\n""#, .invalidClaim),
            (#""sub":"c","groups":"g""#, .invalidClaim), (#""sub":"c","groups":["/g"]"#, .invalidClaim),
            (#""sub":"c","groups":[1]"#, .invalidClaim), (#""sub":"c","groups":["a","b","c"]"#, .invalidClaim),
            (#""sub":"c","groups":null"#, .invalidClaim), (#""sub":"c","join":["a**"]"#, .invalidClaim),
            (#""sub":"c","publish":"*""#, .invalidClaim), (#""sub":"c","publish":[1]"#, .invalidClaim),
            (#""sub":"c","labels":{"a":1}"#, .invalidClaim), (#""sub":"c","labels":[]"#, .invalidClaim),
        ])
    func wrongClient(members: String, expected: Refusal.Reason) throws {
        let claims = try claims(members)
        #expect(refusal { () throws(Refusal) in try claims.client(maximumGroups: 2) } == expected)
    }

    @Test("More labels than a client may have") func labels() throws {
        let labels = (0...Target.maximumLabels).map { #""l\#($0)":"""# }.joined(separator: ",")
        let claims = try claims(#""sub":"c","labels":{\#(labels)}"#)
        #expect(refusal { () throws(Refusal) in try claims.client(maximumGroups: 0) } == .invalidClaim)
    }

    @Test(
        "Scopes of a backend, among those of others",
        arguments: [
            (#""scope":"push read""#, ["push", "read"]), (#""scope":["admin"]"#, ["admin"]),
            (#""scope":"openid profile""#, []), (#""scope":"Push push:all xpush""#, []), (#""scope":"""#, []),
            (#""scope":"openid  read ""#, ["read"]),
        ])
    func backend(members: String, expected: [String]) throws {
        let principal = try claims(members).principal()
        #expect(principal.scopes.names == expected)
        #expect(principal.kind == .token)
        #expect(principal.expiresAt == 2_000_000)
    }

    @Test("A client's token is none for a backend, and a backend's name is fit for a log")
    func others() throws {
        let client = try claims(#""sub":"c""#)
        #expect(refusal { () throws(Refusal) in try client.principal() } == .missingClaim)
        let odd = try claims(#""scope":{"push":true}"#)
        #expect(refusal { () throws(Refusal) in try odd.principal() } == .invalidClaim)
        #expect(try claims(#""scope":"push","sub":"shop""#).principal().name == "shop")
        #expect(try claims(#""scope":"push","sub":"auth0|1\n2""#).principal().name == "token")
        #expect(try claims(#""scope":"push""#).principal().name == "token")
    }
}
