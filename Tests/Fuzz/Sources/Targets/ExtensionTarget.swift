import NIOCore

@testable import SwitchboardWebSocket

/// `Sec-WebSocket-Extensions`: any offer is refused, declined or answered with something that was offered; our own offer is
/// always answered with something that we take, and both ends then mean the same.
///
/// The first byte of an input says how both ends are set up.
enum ExtensionTarget {
    static func check(_ input: UnsafeRawBufferPointer) {
        guard let first = input.first else { return }
        let fields = input.dropFirst().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        let policy = DeflatePolicy(clientsKeepContext: first & 1 == 1, clientWindowBits: 8 + Int(first >> 1) % 8)
        let proposal = DeflateProposal(
            serverKeepsContext: first & 16 == 0, clientKeepsContext: first & 32 == 0,
            serverWindowBits: first & 64 == 0 ? nil : 9 + Int(first >> 1) % 7)
        answers(fields, policy)
        takes(fields, proposal)
        let answer = expected(try? policy.answer(to: [proposal.header]), "our own offer is met")
        expect(
            (try? proposal.agreement(from: [answer.header])) == answer.agreement,
            "both ends mean the same by the answer")
        if (try? ExtensionList(fields)) != nil {
            let answer = try? policy.answer(to: fields + [proposal.header])
            expect(answer != nil, "what is offered besides does not keep it from being met")
        }
    }

    private static func answers(_ fields: [String], _ policy: DeflatePolicy) {
        guard let answer = try? policy.answer(to: fields) else { return }
        expect(!answer.agreement.server.keepsContext, "the node keeps no context")
        expect(answer.window.rawValue <= answer.agreement.server.windowBits, "nor a wider window than was agreed on")
        guard let list = try? ExtensionList([answer.header]), let element = list.elements.first else {
            violated("the answer is a list of extensions")
        }
        expect(list.elements.count == 1 && element.name == DeflateParameters.extensionName, "it has the one extension")
        expect(DeflateParameters(element.parameters, as: .answer) != nil, "its parameters are those of an answer")
    }

    private static func takes(_ fields: [String], _ proposal: DeflateProposal) {
        guard let agreement = try? proposal.agreement(from: fields) else { return }
        expect((8...15).contains(agreement.server.windowBits), "a window has 8 to 15 bits")
        expect((8...15).contains(agreement.client.windowBits), "a window has 8 to 15 bits")
        _ = agreement.clientDeflater()
    }
}
