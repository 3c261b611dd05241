import NIOCore
import SwitchboardProtocol
import SwitchboardWebSocket
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
            },
            body: { running in
                let connection = try await node.connections.next()
                try await connection.hello()
                let data = "\"" + String(repeating: "x", count: 4000) + "\""
                // 16 MB do not fit the kernel's buffers: the node's socket stops taking more while the handler does nothing.
                let sent = (0..<count).map { number in
                    connection.write(.push(ServerFrame.Push(id: "p\(number)", channel: "client", payload: .json(data))))
                }
                while await running.agent.isReading { try await Task.sleep(for: .milliseconds(1)) }
                #expect(await running.agent.gate.count < 200)
                while connection.channel.isWritable { try await Task.sleep(for: .milliseconds(1)) }
                for _ in 0..<count { permits.put(()) }
                for number in 0..<count { #expect(try await handled.next() == "p\(number)") }
                for write in sent { try await write.get() }
                #expect(await running.agent.gate.count <= 1)
            })
    }

    /// A few bytes that one read brings may be many pushes.
    @Test func stopsHandingOverWhatWasRead() async throws {
        let node = try await FakeNode(.acceptWith(extensions: "permessage-deflate; server_no_context_takeover"))
        let count = 300
        let permits = Inbox<Void>()
        let handled = Inbox<String>()
        let compressor = MessageCompressor()
        var bytes = ByteBuffer()
        for number in 0..<count {
            let data = "\"" + String(repeating: "x", count: 100_000) + "\""
            let push = ServerFrame.Push(id: "p\(number)", channel: "client", payload: .json(data))
            bytes.writeImmutableBuffer(compressor.framed(.push(push), for: .standard))
        }
        #expect(bytes.readableBytes < 200_000)
        try await RunningAgent.with(
            node,
            configure: {
                $0.inboundLimit = 10
                $0.compression = true
            },
            handlers: {
                $0.onPush = { push in
                    try? await permits.next()
                    handled.put(push.id)
                }
            },
            body: { running in
                let connection = try await node.connections.next()
                try await connection.hello()
                try await connection.sendRaw(Array(buffer: bytes))
                while await running.agent.isReading { try await Task.sleep(for: .milliseconds(1)) }
                #expect(await running.agent.gate.count <= 10)
                for _ in 0..<count { permits.put(()) }
                for number in 0..<count { #expect(try await handled.next() == "p\(number)") }
            })
    }

    /// What had come when the node ended the connection is handled all the same.
    @Test func handsOverTheRestAtTheEnd() async throws {
        let node = try await FakeNode()
        let permits = Inbox<Void>()
        let handled = Inbox<String>()
        try await RunningAgent.with(
            node, configure: { $0.inboundLimit = 1 },
            handlers: {
                $0.onPush = { push in
                    try? await permits.next()
                    handled.put(push.id)
                }
            },
            body: { running in
                let connection = try await node.connections.next()
                try await connection.hello()
                for number in 0..<5 { try await connection.push("p\(number)") }
                try await connection.close(4200, "after=0")
                try await connection.cut()
                #expect(try await running.nextEnd().code == 4200)
                for _ in 0..<5 { permits.put(()) }
                for number in 0..<5 { #expect(try await handled.next() == "p\(number)") }
            })
    }

    @Test func staysAliveWhileItDoesNotRead() async throws {
        let node = try await FakeNode()
        let permits = Inbox<Void>()
        try await RunningAgent.with(
            node, configure: { $0.inboundLimit = 1 }, handlers: { $0.onPush = { _ in try? await permits.next() } },
            body: { running in
                let connection = try await node.connections.next()
                try await connection.hello(heartbeat: (0.8, 0.4))
                try await connection.push("p1")
                // Over these signs of life, one each 0.2 s, the silence is longer than interval and timeout together.
                for _ in 0..<7 { #expect(try await connection.next() == .pong) }
                permits.put(())
                try await connection.send(.ping)
                #expect(try await connection.next() == .pong)
                #expect(await running.agent.state.isOnline)
            })
    }
}
