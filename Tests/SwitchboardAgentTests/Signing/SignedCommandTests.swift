import Foundation
import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// An agent with keys, and a node that cannot be trusted.
@Suite(.timeLimit(.minutes(1))) struct SignedCommandTests {
    static let key = GuardTests.key

    /// A directory for the state, and agents that note what they run.
    private final class Bench: Sendable {
        let node: FakeNode
        let path: String
        let ran = Inbox<String>()
        let permits = Inbox<Void>()

        init() async throws {
            node = try await FakeNode()
            path = FileManager.default.temporaryDirectory.appending(path: "signed-\(UUID())").path
        }

        func agent() -> RunningAgent {
            RunningAgent(
                node.url,
                configure: {
                    $0.stateFile = path
                    $0.commandKeys = [SignedCommandTests.key.commandKey]
                },
                handlers: {
                    $0.onCommand = { [ran, permits] command in
                        ran.put(command.id)
                        if command.name == "slow" { try await permits.next() }
                        return CommandResult(payload: .json("\"\(command.signedBy?.rawValue ?? "nobody")\""))
                    }
                })
        }

        func connection() async throws -> FakeConnection {
            let connection = try await node.connections.next()
            try await connection.hello()
            return connection
        }

        func end() async throws {
            try await node.stop()
            try? FileManager.default.removeItem(atPath: path)
        }
    }

    private static func with(_ body: (Bench) async throws -> Void) async throws {
        let bench = try await Bench()
        do { try await body(bench) } catch {
            try await bench.end()
            throw error
        }
        try await bench.end()
    }

    private static func stop(_ running: RunningAgent, _ connection: FakeConnection) async throws {
        await running.agent.stop()
        try await connection.expectClose(1000)
        try await running.run.value
    }

    private static func signed(_ id: String, _ name: String = "do", _ data: String = "1") throws -> ServerFrame.Command
    {
        try GuardTests.signed(with: key, id: id, name: name, .json(data), issued: Agent.unixSeconds())
    }

    private static func done(_ id: String) -> ClientFrame {
        .result(id: id, status: 200, payload: .json(#""ops-1""#))
    }

    /// The code of a refusal.
    private static func code(_ frame: ClientFrame, of id: String) throws -> String? {
        guard case .result(id, 401, let payload?) = frame else { return "\(frame)" }
        let document = try JSONDocument(payload.bytes)
        return document["code"].flatMap(document.string)
    }

    @Test func onlyWhatWasSignedRunsAndOnce() async throws {
        try await Self.with { bench in
            let running = bench.agent()
            let connection = try await bench.connection()
            var honest = try Self.signed("c1")
            try await connection.send(.command(honest))
            #expect(try await connection.next() == Self.done("c1"))
            // Again, and signed anew: the result of the first.
            for command in [
                honest,
                try GuardTests.signed(
                    with: Self.key, id: "c1", name: "do", .json("1"),
                    issued: Agent.unixSeconds() + 1),
            ] {
                try await connection.send(.command(command))
                #expect(try await connection.next() == Self.done("c1"))
            }
            // Signed as well, and something else.
            try await connection.send(.command(try Self.signed("c1", "do", "2")))
            #expect(try Self.code(try await connection.next(), of: "c1") == "signature_replayed")
            // Somebody else's words.
            try await connection.command("c2")
            #expect(try Self.code(try await connection.next(), of: "c2") == "signature_required")
            honest.id = "c2"
            try await connection.send(.command(honest))
            #expect(try Self.code(try await connection.next(), of: "c2") == "signature_invalid")
            honest.id = "c1"
            honest.name = "undo"
            try await connection.send(.command(honest))
            #expect(try Self.code(try await connection.next(), of: "c1") == "signature_invalid")
            try await connection.send(.command(try GuardTests.signed(with: .ed25519(id: "x"), id: "c2")))
            #expect(try Self.code(try await connection.next(), of: "c2") == "signature_unknown_key")
            try await connection.send(.command(try GuardTests.signed(id: "c2", issued: Agent.unixSeconds() - 1000)))
            #expect(try Self.code(try await connection.next(), of: "c2") == "signature_expired")
            try await connection.send(.command(try GuardTests.signed(id: "c2", issued: Agent.unixSeconds() + 1000)))
            #expect(try Self.code(try await connection.next(), of: "c2") == "signature_not_yet_valid")
            // What was refused left nothing behind: the id is still the backend's to use.
            try await connection.send(.command(try Self.signed("c2")))
            #expect(try await connection.next() == Self.done("c2"))
            try await Self.stop(running, connection)
            #expect(try await [bench.ran.next(), bench.ran.next()] == ["c1", "c2"])
            bench.ran.end()
            await #expect(throws: Inbox<String>.Ended.self) { try await bench.ran.next() }
        }
    }

    @Test func aRestartDoesNotMakeItRunAgain() async throws {
        try await Self.with { bench in
            let (one, honest) = (bench.agent(), try Self.signed("c1"))
            let first = try await bench.connection()
            try await first.send(.command(honest))
            #expect(try await first.next() == Self.done("c1"))
            try await first.send(.ack(ref: "c1"))
            try await first.send(.ping)
            #expect(try await first.next() == .pong)
            try await Self.stop(one, first)
            let two = bench.agent()
            let second = try await bench.connection()
            try await second.send(.command(honest))
            #expect(try await second.next() == Self.done("c1"))
            try await second.send(.command(try Self.signed("c1", "other")))
            #expect(try Self.code(try await second.next(), of: "c1") == "signature_replayed")
            try await Self.stop(two, second)
            #expect(try await bench.ran.next() == "c1")
            bench.ran.end()
            await #expect(throws: Inbox<String>.Ended.self) { try await bench.ran.next() }
        }
    }

    /// Let in, and then the process was killed: whether it ran is not known, so it does not run.
    @Test func whatWasLetInAndIsNotKnownToHaveEndedDoesNotRun() async throws {
        try await Self.with { bench in
            let honest = try Self.signed("c1")
            var (state, memory) = try StateFile.open(
                path: bench.path, client: ClientID(rawValue: "kiosk-7"), channels: ["all"], now: 0)
            let commandGuard = CommandGuard(
                keys: ["ops-1": Self.key.commandKey], client: ClientID(unchecked: "kiosk-7"), skew: 60)
            let sealed = StateRecord.sealed(
                id: "c1", at: Agent.unixSeconds(), try commandGuard.check(honest, now: Agent.unixSeconds()))
            memory.apply(sealed)
            try state.append(sealed, memory: memory)
            state.close()
            let running = bench.agent()
            let connection = try await bench.connection()
            try await connection.send(.command(honest))
            guard case .result("c1", 500, _?) = try await connection.next() else {
                Issue.record("it has another result")
                return
            }
            try await Self.stop(running, connection)
            bench.ran.end()
            await #expect(throws: Inbox<String>.Ended.self) { try await bench.ran.next() }
        }
    }

    /// Nobody fills the memory, or takes an id, without a key.
    @Test func whatIsRefusedIsNotRemembered() async throws {
        try await Self.with { bench in
            let running = bench.agent()
            let connection = try await bench.connection()
            for batch in 0..<50 {
                let numbers = batch * 40..<batch * 40 + 40
                for number in numbers { try await connection.command("f\(number)") }
                for number in numbers {
                    #expect(try Self.code(try await connection.next(), of: "f\(number)") == "signature_required")
                }
            }
            // No id of a command: not even an answer.
            try await connection.command(String(repeating: "x", count: 10_000))
            try await connection.command("a\nb")
            try await connection.send(.ping)
            #expect(try await connection.next() == .pong)
            #expect(await running.agent.memory.commands.count == 0)
            #expect(await running.agent.memory.seals.count == 0)
            try await Self.stop(running, connection)
        }
    }

    /// Its turn comes too late: what was to be done then is not done now.
    @Test func whatWaitedForTooLongIsNotBegun() async throws {
        try await Self.with { bench in
            let running = bench.agent()
            let connection = try await bench.connection()
            for number in 1...8 { try await connection.send(.command(try Self.signed("s\(number)", "slow"))) }
            for _ in 1...8 { _ = try await bench.ran.next() }
            // Its time was over some 55 seconds ago, by which clocks may differ; in 5 seconds it is more than they may.
            let late = try GuardTests.signed(
                with: Self.key, id: "late", name: "do", issued: Agent.unixSeconds() - 65, seconds: 10)
            try await connection.send(.command(late))
            try await connection.send(.ping)
            #expect(try await connection.next() == .pong)
            while Agent.unixSeconds() <= (late.signature?.expires ?? 0) + 60 {
                try await Task.sleep(for: .milliseconds(100))
            }
            bench.permits.put(())
            var frames = [try await connection.next(), try await connection.next()]
            frames.removeAll { (try? Self.code($0, of: "late")) == "signature_expired" }
            #expect(frames.count == 1)
            for _ in 2...8 { bench.permits.put(()) }
            for _ in 2...8 { _ = try await connection.next() }
            try await Self.stop(running, connection)
            bench.ran.end()
            await #expect(throws: Inbox<String>.Ended.self) { try await bench.ran.next() }
        }
    }
}
