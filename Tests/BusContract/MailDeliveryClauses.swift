import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

private let a = client("a")

extension BusContract {
    static let mailDelivery: [ContractClause] = [
        ContractClause("a durable push to an online client goes to its node, with its place, and stays") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let third = try await cluster.node("n3")
            _ = try await second.join(a)
            let one = try await first.keep(durablePush("1", to: .client(a), waits: true))
            let two = try await second.keep(durablePush("2", to: .client(a)))
            #expect(one.nodes == 1)
            #expect(two.nodes == 1)
            #expect(two.push.place?.previous == one.push.offset)
            #expect(await second.recorder.relevant(2) == [.push(one.push), .push(two.push)])
            #expect(try await first.mail(of: a).pushes == [one.push, two.push])
            _ = try await second.publish(push("end"))
            #expect(await first.recorder.relevant(1) == [push("end")])
            #expect(await third.recorder.relevant(1) == [push("end")])
        },
        ContractClause("a durable push to a client that is away goes nowhere, and waits") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let (session, epoch) = try await second.join(a)
            second.store.unregister(second.departure(of: session, epoch: epoch))
            #expect(try await second.store.client(a)?.state == .offline)
            let kept = [
                try await first.keep(durablePush("1", to: .client(a))),
                try await first.keep(durablePush("2", to: .client(client("nobody")))),
            ]
            #expect(kept.map(\.nodes) == [0, 0])
            #expect(try await second.mail(of: a).pushes == [kept[0].push])
            _ = try await second.publish(push("end"))
            for node in [first, second] { #expect(await node.recorder.relevant(1) == [push("end")]) }
        },
        ContractClause("a durable push to a client of a lost node goes nowhere, and waits") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            _ = try await cluster.node("n3")
            _ = try await second.join(a)
            try await cluster.lose(second.id)
            var sent: [BusPush] = []
            let nodes = try await eventually {
                let (push, nodes) = try await first.keep(durablePush("p\(sent.count)", to: .client(a)))
                sent.append(push)
                return nodes
            } until: {
                $0 == 0
            }
            #expect(nodes == 0)
            #expect(try await first.mail(of: a).pushes == sent)
        },
        ContractClause("after a client has moved, its durable pushes go to its new node") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            _ = try await first.join(a)
            let one = try await first.keep(durablePush("1", to: .client(a))).push
            #expect(await first.recorder.relevant(1) == [.push(one)])
            _ = try await second.join(a)
            let two = try await first.keep(durablePush("2", to: .client(a))).push
            #expect(await second.recorder.relevant(1) == [.push(two)])
            #expect(try await second.mail(of: a).pushes == [one, two])
        },
        ContractClause("a registration tells whether there is mail") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            #expect(try await first.register(first.session(a)) == .registered(epoch: 1, hasMail: false))
            let kept = try await first.keep(durablePush("1", to: .client(a))).push
            #expect(try await second.register(second.session(a)) == .registered(epoch: 2, hasMail: true))
            #expect(
                try await second.register(second.session(client("b"))) == .registered(epoch: 1, hasMail: false))
            _ = try await second.acknowledge(a, upTo: kept.offset ?? .zero)
            // What may have gone to the older session since has to be looked for.
            let third = first.session(a)
            #expect(try await first.register(third) == .registered(epoch: 3, hasMail: true))
            first.store.unregister(first.departure(of: third, epoch: 3))
            #expect(try await first.register(first.session(a)) == .registered(epoch: 4, hasMail: false))
        },
        ContractClause(
            "durable pushes that two nodes send at once arrive in the order of their places", needsOneStep: true
        ) { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let third = try await cluster.node("n3")
            _ = try await third.join(a)
            let count = 50
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for index in 0..<count {
                    tasks.addTask {
                        _ = try await (index % 2 == 0 ? first : second).keep(durablePush("\(index)", to: .client(a)))
                    }
                }
                try await tasks.waitForAll()
            }
            let heard = await third.recorder.relevant(count).compactMap { message -> BusPush? in
                if case .push(let push) = message { push } else { nil }
            }
            #expect(Set(heard.map(\.id)).count == count)
            #expect(heard.count == count)
            var previous = StreamOffset.zero
            for push in heard {
                #expect(push.place?.previous == previous)
                previous = push.offset ?? .zero
            }
            #expect(try await first.mail(of: a).pushes == heard)
        },
        ContractClause("a thousand durable pushes of one node keep its order") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            _ = try await second.join(a)
            let sent = (0..<1000).map { durablePush("\($0)", to: .client(a)) }
            for push in sent { first.store.enqueue(push, limits: .none) { _ in } }
            let heard = await second.recorder.relevant(sent.count).compactMap { message -> PushID? in
                if case .push(let push) = message { push.id } else { nil }
            }
            #expect(heard == sent.map(\.id))
        },
    ]
}
