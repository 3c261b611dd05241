import SwitchboardWebSocket
import Testing

/// RFC 7692 section 7.1, as a server sees it.
@Suite struct DeflatePolicyTests {
    private static let plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

    private func answer(_ offer: String, _ policy: DeflatePolicy = DeflatePolicy()) throws -> String? {
        try policy.answer(to: [offer])?.header
    }

    @Test(arguments: [
        ("permessage-deflate", ""), ("  permessage-deflate\t", ""), ("PerMessage-Deflate", ""),
        ("permessage-deflate; client_max_window_bits", ""),
        ("permessage-deflate;client_max_window_bits=15", ""),
        ("permessage-deflate ; client_max_window_bits = 10", "; client_max_window_bits=10"),
        ("permessage-deflate; client_max_window_bits=\"8\"", "; client_max_window_bits=8"),
        ("permessage-deflate; client_max_window_bits=\"1\\0\"", "; client_max_window_bits=10"),
        ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", ""),
        ("permessage-deflate; server_max_window_bits=15", "; server_max_window_bits=12"),
        ("permessage-deflate; server_max_window_bits=12", "; server_max_window_bits=12"),
        ("permessage-deflate; server_max_window_bits=11", "; server_max_window_bits=9"),
        ("permessage-deflate; server_max_window_bits=9", "; server_max_window_bits=9"),
        (
            "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
            "; server_max_window_bits=12; client_max_window_bits=12"
        ),
    ])
    func offersThatAreTaken(offer: String, more: String) throws {
        #expect(try answer(offer) == Self.plain + more)
    }

    @Test(arguments: [
        "", "x-webkit-deflate-frame", "permessage-bzip2", "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; mystery", "permessage-deflate; mystery=1",
        "permessage-deflate; server_no_context_takeover=1", "permessage-deflate; client_no_context_takeover=true",
        "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=012",
        "permessage-deflate; server_max_window_bits=+12", "permessage-deflate; server_max_window_bits=1e1",
        "permessage-deflate; server_max_window_bits=99999999999999999999",
        "permessage-deflate; client_max_window_bits=0",
        "permessage-deflate; client_max_window_bits=16", "permessage-deflate; client_max_window_bits=x",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=12; server_max_window_bits=12",
        "permessage-deflate; client_max_window_bits; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=12; client_max_window_bits",
        "permessage-deflate; client_max_window_bits; CLIENT_MAX_WINDOW_BITS=12",
    ])
    func offersThatAreDeclined(offer: String) throws {
        #expect(try answer(offer) == nil)
    }

    @Test func theFirstOfferThatCanBeMetIsTaken() throws {
        #expect(
            try answer(
                "foo; bar=1, permessage-deflate; server_max_window_bits=8, permessage-deflate; mystery, ,"
                    + "permessage-deflate; server_max_window_bits=10, permessage-deflate")
                == Self.plain + "; server_max_window_bits=9")
        #expect(
            try DeflatePolicy().answer(to: [
                "permessage-deflate; mystery", "permessage-deflate; client_max_window_bits=9",
            ])?
            .header == Self.plain + "; client_max_window_bits=9")
    }

    /// RFC 6455 section 9.1: such a header fails the handshake.
    @Test(arguments: [
        "permessage-deflate;", "permessage-deflate; =1", "permessage-deflate; a=", "permessage-deflate; a=,",
        "permessage-deflate server_no_context_takeover", ";", "=", "permessage-deflate; a=\"",
        "permessage-deflate; a=\"\"",
        "permessage-deflate; a=\"b c\"", "permessage-deflate; a=\"b", "permessage-deflate; a=\"b\\",
        "permessage-deflate, ä",
        "permessage-deflate; a=\"b\"c", "per(message)", "permessage-deflate; a=b=c", "a\u{0}", "permessage-deflate\r\n",
    ])
    func malformedHeaders(header: String) {
        #expect(throws: DeflateNegotiationError.self) { try answer(header) }
    }

    @Test func whatWasAgreedOn() throws {
        let answer = try #require(
            try DeflatePolicy().answer(to: ["permessage-deflate; server_max_window_bits=11; client_max_window_bits=10"])
        )
        #expect(answer.window == .small)
        #expect(answer.agreement.server == .init(keepsContext: false, windowBits: 9))
        #expect(answer.agreement.client == .init(keepsContext: false, windowBits: 10))
    }

    @Test func clientsMayBeLetKeepTheirContext() throws {
        let policy = DeflatePolicy(clientsKeepContext: true, clientWindowBits: 10)
        let kept = try #require(try policy.answer(to: ["permessage-deflate; client_max_window_bits"]))
        #expect(kept.header == "permessage-deflate; server_no_context_takeover; client_max_window_bits=10")
        #expect(kept.agreement.client == .init(keepsContext: true, windowBits: 10))
        // It was not asked whether it could.
        let unlimited = try #require(try policy.answer(to: ["permessage-deflate"]))
        #expect(unlimited.header == "permessage-deflate; server_no_context_takeover")
        #expect(unlimited.agreement.client == .init(keepsContext: true, windowBits: 15))
        let without = try #require(try policy.answer(to: ["permessage-deflate; client_no_context_takeover"]))
        #expect(without.header == Self.plain)
        #expect(!without.agreement.client.keepsContext)
    }

    /// Whatever bytes a header has, it is answered or refused, and an answer is one that the client understands.
    @Test(arguments: Seeded.seeds)
    func randomHeaders(seed: UInt64) {
        var random = Seeded(seed)
        let words = [
            "permessage-deflate", "; ", "server_max_window_bits", "client_max_window_bits", "=", "12", "8", "\"", "\\",
            ", ",
            "server_no_context_takeover", "client_no_context_takeover", " ", "ü", "x",
        ]
        var (taken, malformed) = (0, 0)
        for _ in 0..<5000 {
            var header = random.chance(70) ? "permessage-deflate" : ""
            for _ in 0..<random.below(7) { header += words.randomElement(using: &random) ?? "" }
            do {
                guard let answer = try DeflatePolicy().answer(to: [header]) else { continue }
                taken += 1
                let proposal = DeflateProposal()
                #expect(throws: Never.self) { try proposal.agreement(from: [answer.header]) }
            } catch { malformed += 1 }
        }
        #expect(taken > 20 && malformed > 20)
    }
}
