import Testing

@testable import SwitchboardServer

@Suite struct VerifiedTokensTests {
    private let principal = Principal(kind: .token, name: "b", scopes: .push, expiresAt: 100)

    @Test("A token is known until it ends or the keys change") func known() {
        let tokens = VerifiedTokens()
        let (hash, other) = (KeyHash(of: "a"), KeyHash(of: "b"))
        #expect(tokens.principal(hash, version: 0, now: 1) == nil)
        tokens.keep(principal, of: hash, version: 3)
        #expect(tokens.principal(hash, version: 3, now: 99) == principal)
        #expect(tokens.principal(other, version: 3, now: 99) == nil)
        #expect(tokens.principal(hash, version: 3, now: 100) == nil)
        #expect(tokens.principal(hash, version: 4, now: 1) == nil)
        tokens.keep(principal, of: other, version: 4)
        #expect(tokens.principal(hash, version: 4, now: 1) == nil)
        tokens.keep(principal, of: hash, version: 3)
        #expect(tokens.principal(hash, version: 4, now: 1) == nil, "it was verified with older keys")
        #expect(tokens.principal(other, version: 4, now: 1) == principal)
    }

    @Test("There are never more than its limit") func bounded() {
        let tokens = VerifiedTokens()
        let hashes = (0...VerifiedTokens.maximum).map { KeyHash(of: "\($0)") }
        for hash in hashes { tokens.keep(principal, of: hash, version: 0) }
        #expect(hashes.count { tokens.principal($0, version: 0, now: 1) != nil } == 1)
    }
}
