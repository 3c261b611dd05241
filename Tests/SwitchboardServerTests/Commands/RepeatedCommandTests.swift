import NIOCore
import NIOEmbedded
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

/// Commands that the backend names, so that they run once.
@Suite struct RepeatedCommandTests {
    private let test = CommandCallFixture()
    private let id = CommandID(unchecked: "c1")

    private func call(_ name: String = "open", to client: String = "a") -> CommandCall {
        test.call(
            {
                $0.id = id
                $0.name = name
            }, to: client)
    }

    /// Something is known of the command.
    private func remember(_ outcome: CommandOutcome?, origin: String) {
        var record = CommandRecord(id: id, client: client("a"), name: "open", origin: NodeID(unchecked: origin))
        record.outcome = outcome
        test.cluster.ledger.write(.command(id), record.bytes, seconds: 60)
    }

    private func status(_ outcome: CommandOutcome?) -> Int? {
        if case .result(let status, _, _) = outcome { status } else { nil }
    }

    @Test func theFirstResultIsGivenAgain() async throws {
        test.clients.answer([.result(status: 201, nil)], [.result(status: 500, nil)])
        for _ in 0..<3 { #expect(status(try await test.outcome(call())) == 201) }
        #expect(test.clients.received.map(\.id) == [id])
    }

    @Test func anotherCommandOfTheSameIDIsAConflict() async throws {
        test.clients.answer([.result(status: 201, nil)])
        _ = try await test.outcome(call())
        #expect(try await test.outcome(call("close")) == .conflict)
        #expect(try await test.outcome(call(to: "b")) == .conflict)
        #expect(test.clients.received.count == 1)
        #expect(status(test.record(id)?.outcome) == 201)
    }

    @Test func whatIsUnderWayIsAwaited() async throws {
        let first = Task { try await test.outcome(call()) }
        var messages = test.clients.messages.makeAsyncIterator()
        _ = await messages.next()
        let second = Task { try await test.outcome(call()) }
        test.clients.tell(.result(status: 202, nil), of: id)
        #expect(status(try await first.value) == 202)
        #expect(status(try await second.value) == 202)
        #expect(test.clients.received.count == 1)
    }

    @Test(arguments: [CommandOutcome.offline, .noResult, .cancelled, .queueFull])
    func whatCameToNothingIsSentAgain(outcome: CommandOutcome) async throws {
        remember(outcome, origin: "n1")
        test.clients.answer([.result(status: 203, nil)])
        #expect(status(try await test.outcome(call())) == 203)
        #expect(test.clients.received.count == 1)
    }

    @Test func whatANodeThatIsGoneHadUnderWayIsSentAgain() async throws {
        remember(nil, origin: "gone")
        test.clients.answer([.result(status: 204, nil)])
        #expect(status(try await test.outcome(call())) == 204)
        #expect(test.record(id)?.origin == test.node)
    }

    @Test func aResultThatComesTooLateIsKeptForWhoAsksAgain() async throws {
        test.clients.answer([.delivered])
        #expect(try await test.outcome(call(), passesTime: true) == .noResult)
        test.clients.tell(.result(status: 205, nil), of: id)
        #expect(status(try await test.outcome(call())) == 205)
        #expect(test.clients.received.count == 1)
    }

    @Test func aResultIsNeverReplacedByALaterOne() async throws {
        test.clients.answer([.result(status: 200, nil)])
        _ = try await test.outcome(call())
        test.clients.tell(.result(status: 500, nil), of: id)
        #expect(status(test.record(id)?.outcome) == 200)
    }

    @Test func whatIsNotNamedIsNeverARepetition() async throws {
        test.clients.answer([.result(status: 200, nil)], [.result(status: 201, nil)])
        #expect(status(try await test.outcome(test.call())) == 200)
        #expect(status(try await test.outcome(test.call())) == 201)
        #expect(Set(test.clients.received.map(\.id)).count == 2)
    }
}
