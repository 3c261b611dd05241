import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// What a slow handler of pushes does to the link, over real sockets.
@Suite(.timeLimit(.minutes(1))) struct BackPressureTests {
    @Test func stopsReadingWhileTheHandlerIsSlow() async throws {
        let node = try await FakeNode()
        let count = 4000
        let permits = Inbox<Void>()
        let handled = Inbox<String>()
        try await RunningAgent.with(
            node, configure: { $0.inboundLimit = 10 },
            handlers: {
                $0.onPush = { push in
                    try? await permits.next()
                    handled.put(push.id)
                }
            }
        ) { running in
            let connection = try await node.connections.next()
            try await connection.hello()
            let data = "\"" + String(repeating: "x", count: 4000) + "\""
            let sending = Task {
                for number in 0..<count { try await connection.push("p\(number)", data) }
            }
            // 16 MB do not fit the kernel's buffers: the node's socket stops taking more while the handler does nothing.
            while connection.channel.isWritable { await Task.yield() }
            #expect(await running.agent.isReading == false)
            #expect(await running.agent.gate.count < 200)
            for _ in 0..<count { permits.put(()) }
            for number in 0..<count { #expect(try await handled.next() == "p\(number)") }
            try await sending.value
            #expect(await running.agent.gate.count <= 1)
        }
    }

    @Test func staysAliveWhileItDoesNotRead() async throws {
        let node = try await FakeNode()
        let permits = Inbox<Void>()
        try await RunningAgent.with(
            node, configure: { $0.inboundLimit = 1 }, handlers: { $0.onPush = { _ in try? await permits.next() } }
        ) { running in
            let connection = try await node.connections.next()
            try await connection.hello(heartbeat: (0.1, 0.1))
            try await running.connected()
            try await connection.push("p1")
            // Over these five signs of life the silence is longer than interval and timeout together.
            for _ in 0..<5 { #expect(try await connection.next() == .pong) }
            permits.put(())
            try await connection.send(.ping)
            #expect(try await connection.next() == .pong)
            #expect(await running.agent.state.isOnline)
        }
    }
}
