import SwitchboardWebSocket
import Testing

/// RFC 7692 section 7.1, as a client sees it.
@Suite struct DeflateProposalTests {
    @Test func offers() {
        #expect(DeflateProposal().header == "permessage-deflate; client_max_window_bits")
        #expect(
            DeflateProposal(serverKeepsContext: false, clientKeepsContext: false, serverWindowBits: 10).header
                == "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; "
                + "client_max_window_bits")
    }

    @Test func answers() throws {
        let proposal = DeflateProposal()
        #expect(try proposal.agreement(from: []) == nil)
        #expect(try proposal.agreement(from: [""]) == nil)
        #expect(try proposal.agreement(from: ["permessage-deflate"]) == DeflateAgreement())
        #expect(
            try proposal.agreement(from: [
                "permessage-deflate; client_max_window_bits=8; server_no_context_takeover; server_max_window_bits=9"
            ])
                == DeflateAgreement(
                    server: .init(keepsContext: false, windowBits: 9), client: .init(keepsContext: true, windowBits: 8))
        )
        #expect(
            try proposal.agreement(from: ["permessage-deflate; client_no_context_takeover"])
                == DeflateAgreement(client: .init(keepsContext: false)))
    }

    @Test func aWindowThatZlibDoesNotKnowMeansNoCompression() throws {
        let answer = try DeflateProposal().agreement(from: ["permessage-deflate; client_max_window_bits=8"])
        let narrow = try #require(answer)
        #expect(narrow.clientDeflater() == nil)
        let deflater = try #require(
            DeflateAgreement(client: .init(keepsContext: false, windowBits: 9)).clientDeflater())
        #expect(!deflater.keepsContext)
    }

    @Test func whatItSaidItWouldNotDoItDoesNot() throws {
        let proposal = DeflateProposal(clientKeepsContext: false)
        #expect(try proposal.agreement(from: ["permessage-deflate"])?.client.keepsContext == false)
    }

    @Test(arguments: [
        "permessage-bzip2", "permessage-deflate, permessage-deflate", "permessage-deflate, foo",
        "permessage-deflate; mystery",
        "permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_no_context_takeover=1", "permessage-deflate; server_max_window_bits=09",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover", "permessage-deflate;", "a b",
    ])
    func answersThatFailTheConnection(answer: String) {
        #expect(throws: DeflateNegotiationError.self) { try DeflateProposal().agreement(from: [answer]) }
    }

    @Test func aServerMustAgreeToWhatWasAskedOfIt() throws {
        let alone = DeflateProposal(serverKeepsContext: false)
        #expect(throws: DeflateNegotiationError.self) { try alone.agreement(from: ["permessage-deflate"]) }
        let narrow = DeflateProposal(serverWindowBits: 10)
        for answer in ["permessage-deflate", "permessage-deflate; server_max_window_bits=11"] {
            #expect(throws: DeflateNegotiationError.self) { try narrow.agreement(from: [answer]) }
        }
        #expect(
            try narrow.agreement(from: ["permessage-deflate; server_max_window_bits=9"])?.server.windowBits == 9)
    }

    /// Our server and our client come to the same understanding, whatever they were set to.
    @Test func bothEndsUnderstandTheSame() throws {
        for bits in 7...16 {
            for (kept, keeps, bound) in [(true, true, nil), (true, false, 12), (false, true, 9), (false, false, 15)]
                as [(Bool, Bool, Int?)]
            {
                let policy = DeflatePolicy(clientsKeepContext: kept, clientWindowBits: bits)
                let proposal = DeflateProposal(
                    serverKeepsContext: !kept, clientKeepsContext: keeps, serverWindowBits: bound)
                let answer = try #require(try policy.answer(to: [proposal.header]))
                #expect(try proposal.agreement(from: [answer.header]) == answer.agreement)
                #expect(answer.agreement.client.windowBits == min(max(bits, 8), 15))
                #expect(answer.window.rawValue <= answer.agreement.server.windowBits)
            }
        }
    }
}
