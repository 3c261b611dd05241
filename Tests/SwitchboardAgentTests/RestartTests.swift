import Foundation
import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// Agents that share a state file, one after the other.
@Suite(.timeLimit(.minutes(1))) struct RestartTests {
    /// A node and a state file that outlive several agents.
    static func with(_ body: (FakeNode, String) async throws -> Void) async throws {
        try await ToolTests.withFolder { folder in
            let node = try await FakeNode()
            try await body(node, folder.appending(path: "state").path)
            try await node.stop()
        }
    }

    static func stop(_ running: RunningAgent, _ connection: FakeConnection) async throws {
        await running.agent.stop()
        try await connection.expectClose(1000)
        try await running.run.value
    }

    @Test func aPushIsHandledOnceOverARestart() async throws {
        try await Self.with { node, path in
            let one = RunningAgent(node.url, configure: { $0.stateFile = path })
            let first = try await node.connections.next()
            try await first.hello(channels: ["all": .init(recovered: true, offset: "E:0-0")])
            try await first.push("p1", offset: "1-0")
            #expect(try await first.next() == .ack(offset: "1-0"))
            try await first.push("p2", channel: "all", offset: "E:1-0")
            try await first.push("p3", wantsAck: true)
            #expect(try await first.next() == .received(id: "p3"))
            try await Self.stop(one, first)

            let two = RunningAgent(node.url, configure: { $0.stateFile = path })
            let second = try await node.connections.next()
            #expect(try await second.hello().resume == ["all": "E:1-0"])
            try await second.push("p1", offset: "1-0")
            #expect(try await second.next() == .ack(offset: "1-0"))
            try await second.push("p2", channel: "all", offset: "E:1-0")
            try await second.push("p4", offset: "4-0")
            #expect(try await second.next() == .ack(offset: "4-0"))
            #expect(try await two.pushes.next().id == "p4")
            try await Self.stop(two, second)
        }
    }

    @Test func aCommandIsRunOnceOverARestart() async throws {
        try await Self.with { node, path in
            let ran = Inbox<String>()
            func agent() -> RunningAgent {
                RunningAgent(
                    node.url, configure: { $0.stateFile = path },
                    handlers: {
                        $0.onCommand = { command in
                            ran.put(command.id)
                            return CommandResult(payload: .json("[1,\n2]"))
                        }
                    })
            }
            let one = agent()
            let first = try await node.connections.next()
            try await first.hello()
            for id in ["c1", "c2"] {
                try await first.command(id)
                #expect(try await first.next() == .result(id: id, status: 200, payload: .json("[1,\n2]")))
            }
            try await first.send(.ack(ref: "c1"))
            try await first.send(.ping)
            #expect(try await first.next() == .pong)
            try await Self.stop(one, first)

            let two = agent()
            let second = try await node.connections.next()
            try await second.hello()
            // Not acknowledged yet.
            #expect(try await second.next() == .result(id: "c2", status: 200, payload: .json("[1, 2]")))
            try await second.command("c1")
            #expect(try await second.next() == .result(id: "c1", status: 200, payload: .json("[1, 2]")))
            try await Self.stop(two, second)
            ran.end()
            #expect(try await [ran.next(), ran.next()] == ["c1", "c2"])
            await #expect(throws: Inbox<String>.Ended.self) { try await ran.next() }
        }
    }

    @Test func aCommandThatWasCutShortIsNotRunAgain() async throws {
        try await Self.with { node, path in
            // What a process leaves that is killed while its handler works.
            var (state, memory) = try StateFile.open(
                path: path, client: ClientID(rawValue: "kiosk-7"), channels: ["all"], now: 0)
            let started = StateRecord.started(id: "c1", at: Agent.unixSeconds())
            memory.apply(started)
            try state.append(started, memory: memory)
            state.close()

            let running = RunningAgent(
                node.url, configure: { $0.stateFile = path },
                handlers: { $0.onCommand = { _ in CommandResult(status: 299) } })
            let connection = try await node.connections.next()
            try await connection.hello()
            let result = ClientFrame.result(
                id: "c1", status: 500, payload: .json(#"{"error":"the agent was restarted while it ran"}"#))
            #expect(try await connection.next() == result)
            try await connection.command("c1")
            #expect(try await connection.next() == result)
            try await Self.stop(running, connection)
        }
    }

    @Test func theFileKnowsBeforeTheNodeDoes() async throws {
        try await Self.with { node, path in
            let (begun, permits) = (Inbox<Void>(), Inbox<Void>())
            let running = RunningAgent(
                node.url, configure: { $0.stateFile = path },
                handlers: {
                    $0.onCommand = { _ in
                        begun.put(())
                        try await permits.next()
                        return CommandResult()
                    }
                })
            func file() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
            let connection = try await node.connections.next()
            try await connection.hello()
            try await connection.command("c1")
            try await begun.next()
            #expect(try file().contains(#"{"command":"c1","#))
            #expect(try !file().contains(#"{"result":"c1","#))
            permits.put(())
            _ = try await connection.next()
            #expect(try file().contains(#"{"result":"c1","#))
            try await connection.push("p1", offset: "1-0")
            _ = try await connection.next()
            #expect(try file().contains(#"{"push":"p1","#))
            try await Self.stop(running, connection)
        }
    }

    @Test func onlyOneAgentUsesAFile() async throws {
        try await Self.with { node, path in
            let one = RunningAgent(node.url, configure: { $0.stateFile = path })
            let connection = try await node.connections.next()
            try await connection.hello()
            let two = RunningAgent(node.url, configure: { $0.stateFile = path })
            await #expect(throws: AgentError.stateFile("\(path) is in use by another agent")) {
                try await two.run.value
            }
            try await Self.stop(one, connection)
        }
    }

    @Test func stopsRatherThanForget() async throws {
        try await ToolTests.withFolder { folder in
            let inner = folder.appending(path: "inner")
            try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
            let path = inner.appending(path: "state").path
            let node = try await FakeNode()
            let running = RunningAgent(node.url, configure: { $0.stateFile = path })
            let connection = try await node.connections.next()
            try await connection.hello()
            try await connection.push("p0", offset: "0-1")
            #expect(try await connection.next() == .ack(offset: "0-1"))
            try FileManager.default.removeItem(at: inner)
            // The open file still takes what is appended, until it has to be written anew.
            let error = AgentError.stateFile("\(path).new cannot be made: No such file or directory")
            var line = ByteBuffer()
            let name = String(repeating: "x", count: 120)
            StateRecord.push(id: name + "10000", at: Agent.unixSeconds(), place: nil).write(into: &line)
            // So many are more than it takes before that, and some come behind the one that cannot be kept.
            let fatal = (256 << 10) / line.readableBytes + 1
            for number in 1...fatal + 9 {
                try? await connection.push("\(name)\(10_000 + number)", offset: "\(number)-0")
            }
            await #expect(throws: error) { try await running.run.value }
            // The push whose record was not safe is not acknowledged.
            var last: ClientFrame?
            while let frame = try? await connection.next() { last = frame }
            for number in fatal...fatal + 9 { #expect(last != .ack(offset: "\(number)-0")) }
            try await node.stop()
        }
    }
}
