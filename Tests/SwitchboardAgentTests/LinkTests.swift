import NIOCore
import NIOHTTP1
import NIOWebSocket
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// An open link, over real sockets.
@Suite(.timeLimit(.minutes(1))) struct LinkTests {
    @Test func connectsAndHandsOverPushes() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(
            node,
            configure: {
                $0.groups = [GroupName(unchecked: "shop"), GroupName(unchecked: "a:b")]
                $0.labels = ["floor no": "é&1"]
            },
            body: { running in
                let connection = try await node.connections.next()
                #expect(
                    connection.request.uri
                        == "/ws?clientId=kiosk-7&group=shop&group=a%3Ab&label.floor%20no=%C3%A9%261&hello=1")
                #expect(connection.request.headers["sec-websocket-protocol"] == ["switchboard.v1"])
                #expect(connection.request.headers["host"] == ["127.0.0.1:\(node.port)"])
                try await connection.hello()
                guard case .connected(let hello) = try await running.events.next() else {
                    Issue.record("not connected")
                    return
                }
                #expect(hello.epoch == 3)
                try await connection.push("p1", #"{"price": 3.20}"#)
                let push = try await running.pushes.next()
                #expect(push.id == "p1")
                #expect(String(buffer: push.payload.bytes) == #"{"price": 3.20}"#)
            })
    }

    @Test func answersPings() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { _ in
            let connection = try await node.connections.next()
            try await connection.hello()
            try await connection.send(.ping)
            #expect(try await connection.next() == .pong)
            try await connection.send(.ping, ByteBuffer(string: "abc"))
            let pong = try await connection.frames.next()
            #expect(pong.opcode == .pong)
            #expect(pong.maskKey != nil)
            #expect(pong.unmaskedData == ByteBuffer(string: "abc"))
        }
    }

    @Test func joinsFragments() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            let connection = try await node.connections.next()
            try await connection.hello()
            try await connection.send(.text, ByteBuffer(string: #"{"type":"push","id":"p1","cha"#), fin: false)
            try await connection.send(.ping, ByteBuffer(string: "between"))
            try await connection.send(.continuation, ByteBuffer(string: #"nnel":"all","#), fin: false)
            try await connection.send(.continuation, ByteBuffer(string: #""data":"whole"}"#))
            let push = try await running.pushes.next()
            #expect(push.channel == "all")
            #expect(String(buffer: push.payload.bytes) == #""whole""#)
        }
    }

    struct Violation: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let code: UInt16
        let send: @Sendable (FakeConnection) async throws -> Void
    }

    static let violations = [
        Violation(testDescription: "masked frame", code: 1002) {
            try await $0.send(.text, ByteBuffer(string: #"{"type":"ping"}"#), mask: [1, 2, 3, 4])
        },
        Violation(testDescription: "unknown opcode", code: 1002) {
            try await $0.send(WebSocketOpcode(encodedWebSocketOpcode: 3) ?? .text, ByteBuffer(string: "x"))
        },
        Violation(testDescription: "reserved bit", code: 1002) { try await $0.sendRaw([0xC1, 0x01, 0x78]) },
        Violation(testDescription: "fragmented ping", code: 1002) { try await $0.sendRaw([0x09, 0x00]) },
        Violation(testDescription: "continuation of nothing", code: 1002) {
            try await $0.send(.continuation, ByteBuffer(string: "x"))
        },
        Violation(testDescription: "not UTF-8", code: 1007) {
            try await $0.send(.text, ByteBuffer(bytes: [0xC3, 0x28]))
        },
        Violation(testDescription: "binary", code: 1003) { try await $0.send(.binary, ByteBuffer(string: "x")) },
        Violation(testDescription: "not JSON", code: 1002) { try await $0.send(.text, ByteBuffer(string: "hello")) },
        Violation(testDescription: "one frame too large", code: 1009) {
            try await $0.send(.text, ByteBuffer(repeating: 0x20, count: 3000))
        },
        Violation(testDescription: "fragments too large together", code: 1009) {
            try await $0.send(.text, ByteBuffer(repeating: 0x20, count: 1500), fin: false)
            try await $0.send(.continuation, ByteBuffer(repeating: 0x20, count: 1500))
        },
    ]

    @Test(arguments: violations)
    func closesWhenTheProtocolIsBroken(_ violation: Violation) async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(
            node, configure: { $0.maximumMessageBytes = 2000 },
            body: { running in
                let connection = try await node.connections.next()
                try await connection.hello()
                try await violation.send(connection)
                try await connection.expectClose(violation.code)
                let end = try await running.nextEnd()
                #expect(end.code == violation.code)
                #expect(end.retryIn == 0)
            })
    }

    @Test func closesWhenHelloIsNotTheFirstFrame() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { _ in
            let connection = try await node.connections.next()
            try await connection.push("p1")
            try await connection.expectClose(1002)
        }
    }

    @Test func closesWhenNoHelloComes() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(
            node, configure: { $0.helloTimeout = 0.1 },
            body: { running in
                try await node.connections.next().expectClose(1002)
                #expect(try await running.nextEnd().reason == "no hello within 0.1 s")
            })
    }

    @Test func ignoresWhatItDoesNotKnow() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            let connection = try await node.connections.next()
            try await connection.hello()
            try await connection.send(.text, ByteBuffer(string: #"{"type":"brandnew","x":1}"#))
            try await connection.send(.text, ByteBuffer(string: #"{"type":"push","id":"without payload"}"#))
            try await connection.push("p1")
            #expect(try await running.pushes.next().id == "p1")
        }
    }

    @Test func joinsAndLeavesGroupsAndKeepsThemOverAReconnect() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(
            node, configure: { $0.groups = [GroupName(unchecked: "a")] },
            body: { running in
                let first = try await node.connections.next()
                try await first.hello()
                try await running.connected()
                await running.agent.join(GroupName(unchecked: "b"))
                #expect(try await first.next() == .join(group: GroupName(unchecked: "b")))
                await running.agent.leave(GroupName(unchecked: "a"))
                #expect(try await first.next() == .leave(group: GroupName(unchecked: "a")))
                try await first.cut()
                let second = try await node.connections.next()
                #expect(second.request.uri == "/ws?clientId=kiosk-7&group=b&hello=1")
            })
    }

    @Test func aHistoryIsAskedForOnceAndAWatchAtEachConnection() async throws {
        let node = try await FakeNode()
        let group = GroupName(unchecked: "b")
        try await RunningAgent.with(
            node,
            configure: {
                $0.groups = [GroupName(unchecked: "a")]
                $0.slow = .skip
            },
            body: { running in
                await running.agent.join(group, history: 50, watch: true)
                let first = try await node.connections.next()
                #expect(first.request.uri == "/ws?clientId=kiosk-7&group=a&hello=1")
                try await first.hello()
                #expect(try await first.next() == .join(group: group, history: 50, watch: true))
                try await first.send(
                    .push(ServerFrame.Push(id: "p1", channel: "group:b", payload: .json("1"), offset: "E:1-0")))
                #expect(try await running.pushes.next().id == "p1")
                try await first.cut()
                let second = try await node.connections.next()
                #expect(second.request.uri == "/ws?clientId=kiosk-7&group=a&group=b&hello=1")
                try await second.hello()
                #expect(try await second.next() == .join(group: group, watch: true))
            })
    }

    @Test func tellsWhatWasJoinedAndLeftBeforeHello() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(
            node, configure: { $0.groups = [GroupName(unchecked: "a")] },
            body: { running in
                let connection = try await node.connections.next()
                #expect(connection.request.uri == "/ws?clientId=kiosk-7&group=a&hello=1")
                await running.agent.join(GroupName(unchecked: "b"))
                await running.agent.leave(GroupName(unchecked: "a"))
                try await connection.hello()
                #expect(try await connection.next() == .join(group: GroupName(unchecked: "b")))
                #expect(try await connection.next() == .leave(group: GroupName(unchecked: "a")))
            })
    }

    @Test func reportsHealth() async throws {
        let node = try await FakeNode()
        let health = #"{"load":0.5}"#
        try await RunningAgent.with(
            node, configure: { $0.healthInterval = 0.05 }, handlers: { $0.health = { ByteBuffer(string: health) } },
            body: { _ in
                let connection = try await node.connections.next()
                try await connection.hello()
                for _ in 0..<3 {
                    let frame = try await connection.frames.next()
                    #expect(
                        try ClientFrame(parsing: frame.unmaskedData) == .health(data: ByteBuffer(string: health)))
                }
            })
    }

    @Test func doesNotReportWhatIsNoHealth() async throws {
        let node = try await FakeNode()
        let reports = Inbox<Int>()
        try await RunningAgent.with(
            node, configure: { $0.healthInterval = 0.02 },
            handlers: {
                $0.health = {
                    reports.put(1)
                    return ByteBuffer(string: "[1]")
                }
            },
            body: { _ in
                let connection = try await node.connections.next()
                try await connection.hello()
                for _ in 0..<3 { _ = try await reports.next() }
                try await connection.send(.ping)
                let frame = try await connection.frames.next()
                #expect(try ClientFrame(parsing: frame.unmaskedData) == .pong)
            })
    }
}
