import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

extension BusContract {
    static let bus: [ContractClause] = [
        ContractClause("publish reaches every node, its own included, and counts them") { cluster in
            let nodes = [try await cluster.node("n1"), try await cluster.node("n2"), try await cluster.node("n3")]
            let reached = try await nodes[1].publish(push("hello"))
            #expect(reached == 3)
            for node in nodes { #expect(await node.recorder.relevant(1) == [push("hello")]) }
        },
        ContractClause("every kind of message arrives as it was sent") { cluster in
            let node = try await cluster.node("n1")
            _ = try await cluster.node("n2")
            for message in everyKind {
                _ = try await node.publish(message)
            }
            #expect(await node.recorder.relevant(everyKind.count) == everyKind)
        },
        ContractClause("payloads arrive byte for byte, empty or large") { cluster in
            let sender = try await cluster.node("n1")
            let other = try await cluster.node("n2")
            let pushes = payloads.map { push($0) }
            for message in pushes { _ = try await sender.publish(message) }
            #expect(await other.recorder.relevant(pushes.count) == pushes)
            #expect(await sender.recorder.relevant(pushes.count) == pushes)
        },
        ContractClause("send reaches the one node") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let receipt = BusMessage.receipt(
                Receipt(ticket: 7, node: first.id, matched: 3, delivered: 2, dropped: 1))
            first.bus.send(receipt, to: second.id)
            #expect(await second.recorder.relevant(1) == [receipt])
            // What came over the shared channel after it shows that nothing else is under way.
            _ = try await second.publish(push("end"))
            #expect(await first.recorder.relevant(1) == [push("end")])
        },
        ContractClause("send to a node that is gone harms nothing") { cluster in
            let node = try await cluster.node("n1")
            node.bus.send(push("lost"), to: NodeID(unchecked: "nobody"))
            _ = try await node.publish(push("end"))
            #expect(await node.recorder.relevant(1) == [push("end")])
        },
        ContractClause("messages of one sender keep their order") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let count = 2000
            for index in 0..<count { first.bus.publish(push("\(index)")) { _ in } }
            let expected = (0..<count).map { push("\($0)") }
            #expect(await second.recorder.relevant(count) == expected)
            #expect(await first.recorder.relevant(count) == expected)
        },
        ContractClause("a bus is available and knows its node") { cluster in
            let node = try await cluster.node("n1")
            #expect(node.bus.isAvailable)
            #expect(node.bus.node == node.id)
        },
    ]

    private static let payloads = [
        Payload(format: .json, bytes: ByteBuffer(string: #"{"a": 1.0, "b":"\u00e9"}"#)),
        Payload(format: .text, bytes: ByteBuffer(string: "line\nline \u{1F600}")),
        Payload(format: .text, bytes: ByteBuffer(string: "message")),
        Payload(format: .binary, bytes: ByteBuffer(bytes: UInt8.min...UInt8.max)),
        Payload(format: .binary, bytes: ByteBuffer()),
        Payload(format: .text, bytes: ByteBuffer()),
        Payload(format: .binary, bytes: ByteBuffer(repeating: 0x0A, count: 1 << 20)),
    ]

    private static let everyKind: [BusMessage] = {
        let (n1, n2) = (NodeID(unchecked: "n1"), NodeID(unchecked: "n2"))
        let kiosk = client("kiosk-7")
        let command = CommandID(unchecked: "k-1")
        return [
            push("x", to: .client(kiosk)), push("x", to: .clients([kiosk, client("b")])),
            push("x", to: .group(group("g"))),
            push("x", to: .labels(["a b": "\"c\""])), push("x"),
            .push(durablePush("x", to: .all, collapse: "a \"b\"")),
            .receipt(Receipt(ticket: 1 << 52, node: n1, matched: 1, delivered: 1, dropped: 0)),
            .acknowledged(Acknowledgement(ticket: 3, node: n1, clients: 2)),
            .evict(
                Eviction(client: kiosk, session: SessionID(unchecked: "s"), epoch: 9, node: n2, address: "2001:db8::1")),
            .command(
                BusCommand(
                    id: command, client: kiosk, name: "re \"boot\"", payload: payloads[0], timeout: 0.5, origin: n1)),
            .cancel(Cancellation(id: command, client: kiosk)),
            .commandEvent(CommandEvent(id: command, node: n2, kind: .delivered)),
            .commandEvent(CommandEvent(id: command, node: n2, kind: .output(payloads[3]))),
            .commandEvent(CommandEvent(id: command, node: n2, kind: .result(status: 200, payloads[1]))),
            .commandEvent(CommandEvent(id: command, node: n2, kind: .result(status: 500, nil))),
            .commandEvent(CommandEvent(id: command, node: n2, kind: .sessionEnded)),
            .control(Control(id: "c1", origin: n1, client: kiosk, action: .close(code: 4004, reason: "a \"b\""))),
            .control(Control(id: "c2", origin: n1, client: kiosk, action: .join(group("g")))),
            .control(Control(id: "c3", origin: n1, client: kiosk, action: .leave(group("g")))),
            .done(ControlOutcome(id: "c1", node: n2, result: .notHere)),
            .query(Query(id: "q1", origin: n1, subject: .groups)),
            .query(Query(id: "q2", origin: n1, subject: .members(group("g")))),
            .query(Query(id: "q3", origin: n1, subject: .stats)),
            .answer(Answer(id: "q1", node: n2, body: ByteBuffer(string: #"{"groups":{}}"#))),
            .terminalOrder(
                BusTerminalOrder(
                    client: kiosk, origin: n1,
                    order: TerminalOrder(viewer: "v1", action: .input(offset: 3, bytes: payloads[3].bytes)))),
            .terminalReport(
                BusTerminalReport(
                    client: kiosk, viewer: "v1", content: .report(.output(offset: 5, bytes: payloads[3].bytes)))),
            .terminalReport(BusTerminalReport(client: kiosk, viewer: "v1", content: .notHere)),
        ]
    }()
}
