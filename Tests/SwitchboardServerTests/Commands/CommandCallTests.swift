import NIOCore
import NIOEmbedded
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

@Suite struct CommandCallTests {
    private let test = CommandCallFixture()
    private let answer = Payload(format: .json, bytes: ByteBuffer(string: "2"))

    private func expectResult(
        _ outcome: CommandOutcome?, _ status: Int = 200, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        guard case .result(status, answer, _) = outcome else {
            Issue.record("\(String(describing: outcome))", sourceLocation: sourceLocation)
            return
        }
    }

    @Test func theClientsAnswerIsTheResult() async throws {
        test.clients.answer([.delivered, .result(status: 207, answer)])
        let call = test.call { $0.timeout = 5 }
        expectResult(try await test.outcome(call), 207)
        let command = try #require(test.clients.received.first)
        #expect(command.id == call.id && command.name == "open" && command.client == client("a"))
        #expect(command.timeout == 5 && command.origin == test.node)
        expectResult(test.record(call.id)?.outcome, 207)
    }

    @Test func outputComesInOrder() async throws {
        let pieces = (1...3).map { Payload(format: .json, bytes: ByteBuffer(string: "\($0)")) }
        test.clients.answer([.delivered] + pieces.map { .output($0) } + [.result(status: 200, answer)])
        var heard: [Payload] = []
        let outcome = try await test.call().run(living: { [] }, onOutput: { heard.append($0) })
        expectResult(outcome)
        #expect(heard == pieces)
    }

    @Test func outputThatTheCallerDidNotTakeInTimeIsCounted() async throws {
        let piece = Payload(format: .binary, bytes: ByteBuffer(repeating: 1, count: Commands.maximumBacklog / 2))
        test.clients.answer(Array(repeating: .output(piece), count: 5) + [.result(status: 200, answer)])
        var (heard, lost) = (0, 0)
        let outcome = try await test.call().run(living: { [] }, onOutput: { _ in heard += 1 }, onLoss: { lost = $0 })
        expectResult(outcome)
        #expect(heard == 2)
        #expect(lost == 3)
    }

    @Test func theResultIsNotLostHoweverMuchOutputIs() async throws {
        test.clients.answer(Array(repeating: .output(answer), count: 5000) + [.result(status: 200, answer)])
        expectResult(try await test.outcome(test.call()))
    }

    // MARK: Who is not there

    @Test func whoIsNotConnectedIsOffline() async throws {
        // With two nodes the bus looks up where the client is.
        test.cluster.attach(ScriptedClients(), as: NodeID(unchecked: "n2"))
        let call = test.call()
        #expect(try await test.outcome(call) == .offline)
        #expect(test.clients.received.isEmpty)
        #expect(test.record(call.id)?.outcome == .offline)
    }

    @Test func whoIsNotOnItsNodeIsOffline() async throws {
        test.clients.answer([.notHere])
        #expect(try await test.outcome(test.call()) == .offline)
    }

    @Test func whoConnectsInTimeIsAwaited() async throws {
        test.clients.answer([.notHere], [.notHere], [.delivered, .result(status: 200, answer)])
        expectResult(try await test.outcome(test.call { $0.connectTimeout = 600 }, passesTime: true))
        #expect(test.clients.received.count == 3)
        #expect(Set(test.clients.received.map(\.id)).count == 1)
    }

    @Test func whoDoesNotConnectInTimeIsOffline() async throws {
        test.clients.answerRest([.notHere])
        #expect(try await test.outcome(test.call { $0.connectTimeout = 0.05 }, passesTime: true) == .offline)
        #expect(test.clients.received.count > 1)
    }

    // MARK: What comes of it

    @Test func whoDoesNotAnswerGivesNoResult() async throws {
        test.clients.answer([.delivered])
        let call = test.call { $0.timeout = 30 }
        #expect(try await test.outcome(call, passesTime: true) == .noResult)
        #expect(test.record(call.id)?.outcome == .noResult)
    }

    @Test(arguments: [
        (CommandEvent.Kind.unsupported, CommandOutcome.unsupported), (.queueFull, .queueFull),
    ])
    func whatTheNodeRefusesIsTold(kind: CommandEvent.Kind, outcome: CommandOutcome) async throws {
        test.clients.answer([kind])
        #expect(try await test.outcome(test.call()) == outcome)
    }

    @Test func aClientMayComeBackWithTheResult() async throws {
        test.clients.answer([.delivered, .sessionEnded, .result(status: 200, answer)])
        expectResult(try await test.outcome(test.call()))
    }

    @Test func whenTheCallerGoesTheClientIsTold() async throws {
        let call = test.call()
        let task = Task { [test] in try await test.outcome(call) }
        var messages = test.clients.messages.makeAsyncIterator()
        _ = try #require(await messages.next())
        task.cancel()
        #expect(await messages.next() == .cancel(Cancellation(id: call.id, client: client("a"))))
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(test.record(call.id)?.outcome == .cancelled)
    }
}

@Suite struct CommandLimitTests {
    @Test func onlySoManyAreWaitedFor() async throws {
        let fixture = CommandCallFixture()
        for number in 0..<Commands.maximumWaiting {
            #expect(try fixture.commands.begin(CommandID(unchecked: "c\(number)")) != nil)
        }
        #expect(try await fixture.outcome(fixture.call()) == .failed(.overloaded))
        fixture.commands.end(CommandID(unchecked: "c1"))
        #expect(try fixture.commands.begin(CommandID(unchecked: "another")) != nil)
    }
}
