import NIOCore
import NIOWebSocket
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// Pushes that are handled once and acknowledged, and histories that go on, over real sockets.
@Suite(.timeLimit(.minutes(1))) struct DeliveryTests {
    @Test func acknowledgesWhenTheHandlerHasReturned() async throws {
        let node = try await FakeNode()
        let (begun, permits) = (Inbox<String>(), Inbox<Void>())
        try await RunningAgent.with(
            node,
            handlers: {
                $0.onPush = { push in
                    begun.put(push.id)
                    try? await permits.next()
                }
            },
            body: { _ in
                let connection = try await node.connections.next()
                try await connection.hello()
                try await connection.push("p1", offset: "1-0")
                #expect(try await begun.next() == "p1")
                // Nothing is said before the handler returns, but for the heartbeat.
                try await connection.send(.ping)
                #expect(try await connection.next() == .pong)
                permits.put(())
                #expect(try await connection.next() == .ack(offset: "1-0"))
                // Neither transient pushes nor those of a history are acknowledged.
                for _ in 0..<2 { permits.put(()) }
                try await connection.push("p2")
                try await connection.push("p3", channel: "all", offset: "E:1-0")
                #expect(try await [begun.next(), begun.next()] == ["p2", "p3"])
                permits.put(())
                try await connection.push("p4", wantsAck: true)
                #expect(try await connection.next() == .received(id: "p4"))
            })
    }

    @Test func acknowledgesManyPushesTogether() async throws {
        let node = try await FakeNode()
        let (begun, permits) = (Inbox<String>(), Inbox<Void>())
        try await RunningAgent.with(
            node,
            handlers: {
                $0.onPush = { push in
                    begun.put(push.id)
                    if push.id == "p1" { try? await permits.next() }
                }
            },
            body: { running in
                let connection = try await node.connections.next()
                try await connection.hello()
                for number in 1...80 { try await connection.push("p\(number)", offset: "\(number)-0") }
                _ = try await begun.next()
                while await running.agent.gate.count < 80 { try await Task.sleep(for: .milliseconds(1)) }
                permits.put(())
                // After 64, or after each 50 ms on a slow machine, and when there is nothing left to wait for.
                let begin = ContinuousClock.now
                var count = 1
                while try await connection.next() != .ack(offset: "80-0") { count += 1 }
                #expect(count <= 2 + Int((ContinuousClock.now - begin) / .milliseconds(50)))
            })
    }

    @Test func handlesARepeatedPushOnceAndAcknowledgesItAgain() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(node) { running in
            let first = try await node.connections.next()
            try await first.hello()
            try await first.push("p1", offset: "1-0")
            #expect(try await first.next() == .ack(offset: "1-0"))
            try await first.push("p1", offset: "1-0", wantsAck: true)
            #expect(try await first.next() == .received(id: "p1"))
            #expect(try await first.next() == .ack(offset: "1-0"))
            try await first.cut()
            let second = try await node.connections.next()
            try await second.hello()
            try await second.push("p1", offset: "1-0")
            try await second.push("p2", offset: "2-0")
            while try await second.next() != .ack(offset: "2-0") {}
            #expect(try await running.pushes.next().id == "p1")
            #expect(try await running.pushes.next().id == "p2")
        }
    }

    @Test func aPushThatComesAgainWhileItWaitsIsHandledOnce() async throws {
        let node = try await FakeNode()
        let (begun, permits) = (Inbox<String>(), Inbox<Void>())
        try await RunningAgent.with(
            node,
            handlers: {
                $0.onPush = { push in
                    begun.put(push.id)
                    try? await permits.next()
                }
            },
            body: { _ in
                let first = try await node.connections.next()
                try await first.hello()
                for number in 1...2 { try await first.push("p\(number)", offset: "\(number)-0") }
                #expect(try await begun.next() == "p1")
                try await first.cut()
                let second = try await node.connections.next()
                try await second.hello()
                for number in 1...3 { try await second.push("p\(number)", offset: "\(number)-0") }
                for _ in 1...3 { permits.put(()) }
                #expect(try await [begun.next(), begun.next()] == ["p2", "p3"])
                while try await second.next() != .ack(offset: "3-0") {}
            })
    }

    // MARK: histories

    @Test func namesWhereItsHistoriesStand() async throws {
        let node = try await FakeNode()
        try await RunningAgent.with(
            node, configure: { $0.groups = [GroupName(unchecked: "a")] },
            body: { running in
                let first = try await node.connections.next()
                let hello = try await first.hello(channels: [
                    "all": .init(recovered: true, offset: "E:7-0"), "group:a": .init(recovered: true, offset: "E:0-0"),
                ])
                #expect(hello.resume == ["all": "", "group:a": ""])
                try await first.push("p1", channel: "group:a", offset: "E:1-0")
                try await first.push("p2", channel: "group:other", offset: "E:9-0")
                for _ in 1...2 { _ = try await running.pushes.next() }
                await running.agent.join(GroupName(unchecked: "b"))
                #expect(try await first.next() == .join(group: GroupName(unchecked: "b")))
                try await first.push("p3", channel: "group:b", offset: "E:3-0")
                _ = try await running.pushes.next()
                try await first.cut()

                let second = try await node.connections.next()
                let again = try await second.hello(channels: [
                    "all": .init(recovered: true, offset: "E:9-0"), "group:a": .init(recovered: false, offset: "F:5-0"),
                    "group:b": .init(recovered: true, offset: "E:3-0"),
                ])
                #expect(again.resume == ["all": "E:7-0", "group:a": "E:1-0", "group:b": "E:3-0"])
                try await running.connected()
                while true {
                    guard case .missed(let channel) = try await running.events.next() else { continue }
                    #expect(channel == "group:a")
                    break
                }
                await running.agent.leave(GroupName(unchecked: "b"))
                #expect(try await second.next() == .leave(group: GroupName(unchecked: "b")))
                // It ends before the missed pushes of `all` have come: they are asked for again.
                try await second.cut()
                let third = try await node.connections.next()
                let last = try await third.hello(channels: [
                    "all": .init(recovered: false, offset: ""), "group:a": .init(recovered: true, offset: "F:5-0"),
                ])
                #expect(last.resume == ["all": "E:7-0", "group:a": "F:5-0"])
                // A hole without an offset to go on from: the one it has is better than none.
                try await third.cut()
                #expect(try await node.connections.next().hello().resume == ["all": "E:7-0", "group:a": "F:5-0"])
            })
    }

    // MARK: the end

    @Test func stopLetsTheHandlerReturnAndAcknowledges() async throws {
        let node = try await FakeNode()
        let (begun, permits) = (Inbox<String>(), Inbox<Void>())
        let running = RunningAgent(
            node.url,
            handlers: {
                $0.onPush = { push in
                    begun.put(push.id)
                    try? await permits.next()
                }
            })
        let connection = try await node.connections.next()
        try await connection.hello()
        for number in 1...2 { try await connection.push("p\(number)", offset: "\(number)-0") }
        #expect(try await begun.next() == "p1")
        while await running.agent.gate.count < 2 { try await Task.sleep(for: .milliseconds(1)) }
        await running.agent.stop()
        permits.put(())
        // The second one, whose turn had not come, stays in the mailbox.
        #expect(try await connection.next() == .ack(offset: "1-0"))
        try await connection.expectClose(1000)
        try await running.run.value
        begun.end()
        await #expect(throws: Inbox<String>.Ended.self) { try await begun.next() }
        try await node.stop()
    }

    @Test func stopDoesNotWaitForEver() async throws {
        let node = try await FakeNode()
        let (begun, permits) = (Inbox<String>(), Inbox<Void>())
        let running = RunningAgent(
            node.url, configure: { $0.stopTimeout = 0.05 },
            handlers: {
                $0.onPush = { push in
                    begun.put(push.id)
                    try? await permits.next()
                }
            })
        let connection = try await node.connections.next()
        try await connection.hello()
        try await connection.push("p1", offset: "1-0")
        _ = try await begun.next()
        await running.agent.stop()
        try await connection.expectClose(1000)
        permits.put(())
        try await running.run.value
        try await node.stop()
    }

    @Test func aCancelledHandlerHasNotHandledItsPush() async throws {
        let node = try await FakeNode()
        let begun = Inbox<String>()
        let running = RunningAgent(
            node.url,
            handlers: {
                $0.onPush = { push in
                    begun.put(push.id)
                    try? await Task.sleep(for: .seconds(1000))
                }
            })
        let connection = try await node.connections.next()
        try await connection.hello()
        try await connection.push("p1", offset: "1-0", wantsAck: true)
        _ = try await begun.next()
        running.run.cancel()
        // No acknowledgement comes before it.
        #expect(try await connection.frames.next().opcode == .connectionClose)
        try await connection.close(1000)
        try await connection.cut()
        try await running.run.value
        #expect(await running.agent.memory.pushes.count == 0)
        try await node.stop()
    }
}
