import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// Commands and their results, over real sockets.
@Suite(.timeLimit(.minutes(1))) struct CommandTests {
    /// Runs a body with a connection on which both sides have said hello.
    static func with(
        configure: (inout AgentConfiguration) -> Void = { _ in },
        onCommand: (@Sendable (CommandRequest) async throws -> CommandResult)?,
        body: (FakeNode, FakeConnection, RunningAgent) async throws -> Void
    ) async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(
            node, configure: configure, handlers: { $0.onCommand = onCommand },
            body: { running in
                let connection = try await node.connections.next()
                try await connection.hello()
                try await body(node, connection, running)
            })
    }

    @Test func answersWithOutputAndResult() async throws {
        try await Self.with(
            onCommand: { command in
                #expect(command.id == "c1" && command.name == "count" && command.timeout == 3)
                #expect(command.payload == .json("[2]"))
                for number in 1...2 { try await command.output(.json("\(number)")) }
                return CommandResult(status: 201, payload: Payload(format: .text, bytes: ByteBuffer(string: "done")))
            },
            body: { _, connection, _ in
                try await connection.command("c1", "count", "[2]", timeout: 3)
                #expect(try await connection.next() == .output(id: "c1", payload: .json("1")))
                #expect(try await connection.next() == .output(id: "c1", payload: .json("2")))
                #expect(try await connection.next() == .result(id: "c1", status: 201, payload: .json(#""done""#)))
            })
    }

    @Test func answersAnUnknownCommand() async throws {
        let unknown = ClientFrame.result(id: "c1", status: 404, payload: .json(#"{"error":"unknown command"}"#))
        try await Self.with(
            onCommand: nil,
            body: { _, connection, _ in
                try await connection.command("c1")
                #expect(try await connection.next() == unknown)
            })
        try await Self.with(
            onCommand: { _ in .unknownCommand },
            body: { _, connection, _ in
                try await connection.command("c1")
                #expect(try await connection.next() == unknown)
            })
    }

    struct Broken: Error, CustomStringConvertible { let description = "out of paper" }

    @Test func answersWithWhatTheHandlerThrew() async throws {
        try await Self.with(
            onCommand: { _ in throw Broken() },
            body: { _, connection, _ in
                try await connection.command("c1")
                #expect(
                    try await connection.next()
                        == .result(id: "c1", status: 500, payload: .json(#"{"error":"out of paper"}"#)))
            })
    }

    @Test func doesNotSendWhatTheNodeWouldNotTake() async throws {
        try await Self.with(
            configure: { $0.maximumOutgoingBytes = 200 },
            onCommand: { command in
                let large = Payload(format: .text, bytes: ByteBuffer(repeating: 0x61, count: 200))
                await #expect(throws: AgentError.messageTooLarge(limit: 200)) { try await command.output(large) }
                return CommandResult(payload: command.name == "large" ? large : .json("{"))
            },
            body: { _, connection, _ in
                for name in ["large", "broken"] {
                    try await connection.command(name, name)
                    guard case .result(let id, let status, let payload?) = try await connection.next() else {
                        Issue.record("no result")
                        return
                    }
                    #expect(id == name && status == 500)
                    #expect(String(buffer: payload.bytes).hasPrefix(#"{"error":"the result cannot be sent: "#))
                }
            })
    }

    @Test func runsACommandOnce() async throws {
        let (begun, permits) = (Inbox<String>(), Inbox<String>())
        try await Self.with(
            onCommand: { command in
                begun.put(command.id)
                return CommandResult(payload: .json(try await permits.next()))
            },
            body: { _, connection, _ in
                try await connection.command("c1")
                #expect(try await begun.next() == "c1")
                try await connection.command("c1")
                try await connection.send(.ping)
                #expect(try await connection.next() == .pong)
                permits.put("1")
                let result = ClientFrame.result(id: "c1", status: 200, payload: .json("1"))
                #expect(try await connection.next() == result)
                // Known, whether the node has acknowledged it or not: the result is repeated.
                try await connection.command("c1")
                #expect(try await connection.next() == result)
                try await connection.send(.ack(ref: "c1"))
                try await connection.command("c1")
                #expect(try await connection.next() == result)
                try await connection.command("c2")
                #expect(try await begun.next() == "c2")
                permits.put("2")
                #expect(try await connection.next() == .result(id: "c2", status: 200, payload: .json("2")))
            })
    }

    @Test func sendsAResultAgainUntilItIsAcknowledged() async throws {
        let node = try await FakeNode()
        let permits = Inbox<Void>()
        try await RunningAgent.with(
            node,
            handlers: {
                $0.onCommand = { command in
                    if command.name == "slow" {
                        try await permits.next()
                        try await command.output(.json("7"))
                    }
                    return CommandResult(payload: .json("1"))
                }
            },
            body: { running in
                let first = try await node.connections.next()
                try await first.hello()
                try await first.command("c1")
                try await first.command("c2")
                try await first.command("c3", "slow")
                let results = try await Set([first.next(), first.next()])
                #expect(
                    results == [
                        .result(id: "c1", status: 200, payload: .json("1")),
                        .result(id: "c2", status: 200, payload: .json("1")),
                    ])
                try await first.send(.ack(ref: "c1"))
                try await first.send(.ping)
                #expect(try await first.next() == .pong)
                try await first.cut()
                // The output of a command that goes on waits for the next link.
                _ = try await running.nextEnd()
                permits.put(())
                let second = try await node.connections.next()
                try await second.hello()
                #expect(try await second.next() == .result(id: "c2", status: 200, payload: .json("1")))
                #expect(try await second.next() == .output(id: "c3", payload: .json("7")))
                #expect(try await second.next() == .result(id: "c3", status: 200, payload: .json("1")))
                // An error in the place of the acknowledgement is the node's last word as well.
                try await second.send(.ack(ref: "c2"))
                try await second.send(.error(code: "command_unknown", message: "too late", ref: "c3"))
                try await second.send(.ping)
                #expect(try await second.next() == .pong)
                try await second.cut()
                let third = try await node.connections.next()
                try await third.hello()
                try await third.send(.ping)
                #expect(try await third.next() == .pong)
            })
    }

    @Test func sendsAResultAgainThatTheBusDidNotTake() async throws {
        try await Self.with(
            onCommand: { _ in CommandResult() },
            body: { _, connection, _ in
                try await connection.command("c1")
                #expect(try await connection.next() == .result(id: "c1", status: 200, payload: nil))
                try await connection.send(.error(code: "bus_unavailable", message: "Redis is away", ref: "c1"))
                #expect(try await connection.next() == .result(id: "c1", status: 200, payload: nil))
            })
    }

    @Test func runsEightAtOnceAndNeverBehindPushes() async throws {
        let node = try await FakeNode()
        let (begun, permits) = (Inbox<String>(), Inbox<Void>())
        try await RunningAgent.with(
            node,
            handlers: {
                $0.onPush = { _ in try? await Task.sleep(for: .seconds(1000)) }
                $0.onCommand = { command in
                    begun.put(command.id)
                    try await permits.next()
                    return CommandResult()
                }
            },
            body: { running in
                let connection = try await node.connections.next()
                try await connection.hello()
                try await connection.push("p1")
                for number in 1...10 { try await connection.command("c\(number)") }
                var first: Set<String> = []
                for _ in 1...8 { first.insert(try await begun.next()) }
                #expect(first == Set((1...8).map { "c\($0)" }))
                try await connection.send(.ping)
                #expect(try await connection.next() == .pong)
                #expect(await running.agent.runningCommands.count == 8)
                // One that waits can be taken back.
                try await connection.send(.cancel(id: "c9"))
                #expect(
                    try await connection.next()
                        == .result(id: "c9", status: 499, payload: .json(#"{"error":"cancelled"}"#)))
                permits.put(())
                #expect(try await begun.next() == "c10")
                for _ in 1...8 { permits.put(()) }
                var ended: Set<String> = []
                for _ in 1...9 {
                    if case .result(let id, 200, nil) = try await connection.next() { ended.insert(id) }
                }
                #expect(ended == Set((1...10).map { "c\($0)" }).subtracting(["c9"]))
                #expect(await running.agent.runningCommands.isEmpty)
            })
    }

    @Test func cancelsTheHandler() async throws {
        let begun = Inbox<Void>()
        try await Self.with(
            onCommand: { command in
                begun.put(())
                do { try await Task.sleep(for: .seconds(1000)) } catch {
                    if command.name == "tidy" { return CommandResult(status: 418) }
                    throw error
                }
                return CommandResult()
            },
            body: { _, connection, _ in
                for (name, status, payload) in [
                    ("plain", 499, Payload.json(#"{"error":"cancelled"}"#)), ("tidy", 418, nil),
                ] {
                    try await connection.command(name, name)
                    try await begun.next()
                    try await connection.send(.cancel(id: name))
                    #expect(try await connection.next() == .result(id: name, status: status, payload: payload))
                }
                try await connection.command("late", timeout: 0.1)
                let late = Payload.json(#"{"error":"it did not end within 0.1 s"}"#)
                #expect(try await connection.next() == .result(id: "late", status: 504, payload: late))
            })
    }

    @Test func outputThatWaitsEndsWithTheCommand() async throws {
        let (begun, permits, errors) = (Inbox<Void>(), Inbox<Void>(), Inbox<any Error>())
        try await Self.with(
            onCommand: { command in
                begun.put(())
                try? await permits.next()
                do { try await command.output(.json("1")) } catch { errors.put(error) }
                return CommandResult()
            },
            body: { _, connection, _ in
                try await connection.command("c1")
                try await begun.next()
                try await connection.send(.cancel(id: "c1"))
                #expect(try await connection.next() == .result(id: "c1", status: 200, payload: nil))
                #expect(try await errors.next() is CancellationError)
            })
    }

    @Test func stopWaitsForResults() async throws {
        let node = try await FakeNode()
        let (begun, permits) = (Inbox<Void>(), Inbox<Void>())
        let running = RunningAgent(
            node.url,
            handlers: {
                $0.onCommand = { _ in
                    begun.put(())
                    try await permits.next()
                    return CommandResult()
                }
            })
        let connection = try await node.connections.next()
        try await connection.hello()
        try await connection.command("c1")
        try await begun.next()
        await running.agent.stop()
        try await connection.command("c2")
        let stopping = Payload.json(#"{"error":"the agent is stopping"}"#)
        #expect(try await connection.next() == .result(id: "c2", status: 503, payload: stopping))
        permits.put(())
        #expect(try await connection.next() == .result(id: "c1", status: 200, payload: nil))
        try await connection.expectClose(1000)
        try await running.run.value
        try await node.stop()
    }
}
