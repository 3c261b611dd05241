import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

extension BusContract {
    static let routing: [ContractClause] = [
        ContractClause("a routed push reaches the owner and nobody else") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let third = try await cluster.node("n3")
            _ = try await second.join(client("kiosk-7"))
            let message = push("hello", to: .client(client("kiosk-7")))
            #expect(try await first.route(message, to: client("kiosk-7")) == .routed(nodes: 1))
            #expect(await second.recorder.relevant(1) == [message])
            _ = try await first.publish(push("end"))
            #expect(await third.recorder.relevant(1) == [push("end")])
            #expect(await first.recorder.relevant(1) == [push("end")])
        },
        ContractClause("a push to one's own client comes back to this node") { cluster in
            let node = try await cluster.node("n1")
            _ = try await node.join(client("a"))
            #expect(try await node.route(push("x"), to: client("a")) == .routed(nodes: 1))
            #expect(await node.recorder.relevant(1) == [push("x")])
        },
        ContractClause("an unknown client and one that has left are offline") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            #expect(try await first.route(push("x"), to: client("nobody")) == .offline)
            let (session, epoch) = try await second.join(client("a"))
            second.store.unregister(second.departure(of: session, epoch: epoch))
            let outcome = try await eventually {
                try await first.route(push("x"), to: client("a"))
            } until: {
                $0 == .offline
            }
            #expect(outcome == .offline)
        },
        ContractClause("after a client has moved, pushes go to its new node") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            _ = try await first.join(client("a"))
            _ = try await second.join(client("a"))
            #expect(try await first.route(push("x"), to: client("a")) == .routed(nodes: 1))
            #expect(await second.recorder.relevant(1) == [push("x")])
        },
        ContractClause("a thousand pushes to one client arrive in order") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            _ = try await second.join(client("a"))
            for index in 0..<1000 { first.bus.route(push("\(index)"), to: client("a")) { _ in } }
            #expect(await second.recorder.relevant(1000) == (0..<1000).map { push("\($0)") })
        },
        ContractClause("pushes to clients of a lost node are offline at once") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            // A node that is left alone may answer for itself, so there are two.
            _ = try await cluster.node("n3")
            _ = try await second.join(client("a"))
            try await cluster.lose(second.id)
            let outcome = try await eventually {
                try await first.route(push("x"), to: client("a"))
            } until: {
                $0 == .offline
            }
            #expect(outcome == .offline)
        },
    ]
}
