import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// Messages up, over real sockets.
@Suite(.timeLimit(.minutes(1))) struct SendTests {
    @Test func waitsForTheAcknowledgement() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            async let id = running.agent.send(.json(#"{"sold": 3}"#), id: "m1")
            let connection = try await node.connections.next()
            try await connection.hello()
            #expect(try await connection.next() == .message(id: "m1", payload: .json(#"{"sold": 3}"#)))
            try await connection.send(.ack(ref: "m1"))
            #expect(try await id == "m1")
        }
    }

    @Test func whatIsPublishedWaitsForItsAcknowledgementOverACut() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            let chat = GroupName(unchecked: "chat:1")
            async let id = running.agent.publish(.json("1"), to: chat, durable: true, id: "m1")
            let frame = ClientFrame.publish(id: "m1", group: chat, payload: .json("1"), isDurable: true)
            let first = try await node.connections.next()
            try await first.hello()
            #expect(try await first.next() == frame)
            try await first.cut()
            let second = try await node.connections.next()
            try await second.hello()
            #expect(try await second.next() == frame)
            try await second.send(.ack(ref: "m1"))
            #expect(try await id == "m1")
            let refused = Task { try await running.agent.publish(.json("2"), to: chat, id: "m2") }
            _ = try await second.next()
            try await second.send(.error(code: "publish_forbidden", message: "no", ref: "m2"))
            await #expect(throws: AgentError.rejected(code: "publish_forbidden", message: "no")) {
                try await refused.value
            }
        }
    }

    @Test func isSentAgainAfterACut() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            async let id = running.agent.send(.json("1"))
            let first = try await node.connections.next()
            try await first.hello()
            guard case .message(let sent?, _) = try await first.next() else {
                Issue.record("no message")
                return
            }
            try await first.cut()
            let second = try await node.connections.next()
            try await second.hello()
            #expect(try await second.next() == .message(id: sent, payload: .json("1")))
            try await second.send(.ack(ref: sent))
            #expect(try await id == sent)
        }
    }

    @Test func failsWhenRejected() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            let connection = try await node.connections.next()
            try await connection.hello()
            let task = Task { try await running.agent.send(.json("1"), id: "m1") }
            _ = try await connection.next()
            try await connection.send(.error(code: "forbidden", message: "not here", ref: "m1"))
            await #expect(throws: AgentError.rejected(code: "forbidden", message: "not here")) { try await task.value }
        }
    }

    @Test func failsAtTheDeadline() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            await #expect(throws: AgentError.timedOut) {
                try await running.agent.send(.json("1"), timeout: .milliseconds(50))
            }
            #expect(await running.agent.outbox.count == 0)
        }
    }

    @Test func failsWhenCancelled() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            let connection = try await node.connections.next()
            try await connection.hello()
            let task = Task { try await running.agent.send(.json("1")) }
            _ = try await connection.next()
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(await running.agent.outbox.count == 0)
        }
    }

    @Test func failsWhenTheAgentStops() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            let connection = try await node.connections.next()
            try await connection.hello()
            let task = Task { try await running.agent.send(.json("1")) }
            _ = try await connection.next()
            await running.agent.stop()
            try await connection.expectClose(1000)
            await #expect(throws: AgentError.stopped) { try await task.value }
            await #expect(throws: AgentError.stopped) { try await running.agent.send(.json("2")) }
        }
    }

    @Test func refusesWhatCannotBeSent() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(
            node, configure: { $0.maximumOutgoingBytes = 100 },
            body: { running in
                await #expect(throws: AgentError.self) { try await running.agent.send(.json("{")) }
                await #expect(throws: AgentError.messageTooLarge(limit: 100)) {
                    try await running.agent.send(Payload(format: .text, bytes: ByteBuffer(repeating: 0x61, count: 100)))
                }
                await #expect(throws: AgentError.invalidPayload("not valid UTF-8")) {
                    try await running.agent.send(Payload(format: .text, bytes: ByteBuffer(bytes: [0xFF])))
                }
            })
    }

    @Test func refusesMoreThanTheOutboxHolds() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(
            node, configure: { $0.outboundLimit = 1 },
            body: { running in
                let connection = try await node.connections.next()
                try await connection.hello()
                async let first = running.agent.send(.json("1"), id: "m1")
                _ = try await connection.next()
                await #expect(throws: AgentError.outboxFull) { try await running.agent.send(.json("2")) }
                try await connection.send(.ack(ref: "m1"))
                _ = try await first
            })
    }

    @Test func givesUpWhatTheNodeFindsTooBig() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            let first = try await node.connections.next()
            try await first.hello()
            let big = Task { try await running.agent.send(.json("1234567")) }
            _ = try await first.next()
            async let small = running.agent.send(.json("1"), id: "small")
            _ = try await first.next()
            try await first.close(1009, "too big")
            try await first.expectClose(1009)
            await #expect(throws: AgentError.messageTooLarge(limit: 64 << 10)) { try await big.value }
            let second = try await node.connections.next()
            try await second.hello()
            #expect(try await second.next() == .message(id: "small", payload: .json("1")))
            try await second.send(.ack(ref: "small"))
            _ = try await small
        }
    }

    @Test func keepsUnderTheRate() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(
            node,
            configure: {
                $0.messageRate = 50
                $0.messageBurst = 2
            },
            body: { running in
                let connection = try await node.connections.next()
                try await connection.hello()
                let begin = ContinuousClock.now
                let tasks = (0..<7).map { number in Task { try await running.agent.send(.json("\(number)")) } }
                for _ in tasks {
                    guard case .message(let id?, _) = try await connection.next() else { continue }
                    try await connection.send(.ack(ref: id))
                }
                for task in tasks { _ = try await task.value }
                // Two leave at once, the other five wait for 1/50 s each.
                #expect(ContinuousClock.now - begin >= .milliseconds(95))
            })
    }
}
