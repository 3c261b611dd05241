import SwitchboardCore
import SwitchboardProtocol
import Testing

extension BusContract {
    static let registration: [ContractClause] = [
        ContractClause("the newest session wins and the older's node hears why") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let (older, epoch) = try await first.join(client("a"))
            let newer = second.session(client("a"), address: "[2001:db8::1]\"\\")
            #expect(try await second.register(newer) == .registered(epoch: epoch + 1, hasMail: true))
            let eviction = Eviction(
                client: client("a"), session: older.session, epoch: epoch + 1, node: second.id, address: newer.address)
            #expect(await first.recorder.relevant(1) == [.evict(eviction)])
            #expect(second.recorder.relevant.isEmpty)
        },
        ContractClause("a session that was replaced on its own node is evicted too") { cluster in
            let node = try await cluster.node("n1")
            let (older, epoch) = try await node.join(client("a"))
            let (newer, newEpoch) = try await node.join(client("a"))
            #expect(newEpoch == epoch + 1)
            let eviction = Eviction(
                client: client("a"), session: older.session, epoch: newEpoch, node: node.id, address: newer.address)
            #expect(await node.recorder.relevant(1) == [.evict(eviction)])
        },
        ContractClause("a client that returns is no duplicate, and its epoch goes on rising") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let (session, epoch) = try await first.join(client("a"))
            first.store.unregister(first.departure(of: session, epoch: epoch))
            _ = try await eventually {
                try await first.store.client(client("a"))
            } until: {
                $0?.state == .offline
            }
            #expect(
                try await second.register(second.session(client("a")), policy: .reject)
                    == .registered(epoch: epoch + 1, hasMail: false)
            )
            _ = try await first.publish(push("end"))
            #expect(await first.recorder.relevant(1) == [push("end")])
        },
        ContractClause("reject refuses the newer and leaves the older alone") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let (older, epoch) = try await first.join(client("a"))
            #expect(
                try await second.register(second.session(client("a")), policy: .reject) == .duplicate(node: first.id))
            let presence = try await second.store.client(client("a"))
            #expect(presence?.session == older.session)
            #expect(presence?.epoch == epoch)
            _ = try await second.publish(push("end"))
            #expect(await first.recorder.relevant(1) == [push("end")])
        },
        ContractClause("under reject a session of a lost node is no duplicate") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let (_, epoch) = try await first.join(client("a"))
            try await cluster.lose(first.id)
            _ = try await second.store.reap()
            #expect(
                try await second.register(second.session(client("a")), policy: .reject)
                    == .registered(epoch: epoch + 1, hasMail: false)
            )
        },
        ContractClause("the end of an older session does not touch the newer") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let (older, epoch) = try await first.join(client("a"))
            let (newer, _) = try await second.join(client("a"))
            first.store.unregister(first.departure(of: older, epoch: epoch))
            // Commands of one node are done in their order.
            let presence = try await first.store.client(client("a"))
            #expect(presence?.state == .online)
            #expect(presence?.session == newer.session)
        },
        ContractClause("of sessions that register at the same time one stays and the others hear it") { cluster in
            let nodes = [try await cluster.node("n1"), try await cluster.node("n2"), try await cluster.node("n3")]
            let sessions = nodes.map { $0.session(client("a")) }
            let epochs = try await withThrowingTaskGroup(of: (Int, UInt64).self) { tasks in
                for (index, node) in nodes.enumerated() {
                    tasks.addTask {
                        guard case .registered(let epoch, _) = try await node.register(sessions[index]) else {
                            return (index, 0)
                        }
                        return (index, epoch)
                    }
                }
                return try await tasks.reduce(into: [Int: UInt64]()) { $0[$1.0] = $1.1 }
            }
            #expect(epochs.values.sorted() == [1, 2, 3])
            for (index, node) in nodes.enumerated() where epochs[index] != 3 {
                guard case .evict(let eviction)? = await node.recorder.relevant(1).first else {
                    Issue.record("\(node.id) was not told")
                    continue
                }
                #expect(eviction.session == sessions[index].session)
                #expect(eviction.epoch == (epochs[index] ?? 0) + 1)
            }
            let winner = epochs.first { $0.value == 3 }.map { nodes[$0.key].id }
            #expect(try await nodes[0].store.client(client("a"))?.node == winner)
        },
        ContractClause("a client that connects too often has to wait, and only that one") { cluster in
            let node = try await cluster.node("n1")
            for count in 1...RegistrationLimit.connects {
                #expect(
                    try await node.register(node.session(client("a")))
                        == .registered(epoch: UInt64(count), hasMail: count > 1))
            }
            guard case .coolingDown(let seconds) = try await node.register(node.session(client("a"))) else {
                Issue.record("it may connect")
                return
            }
            #expect((RegistrationLimit.coolDown - 5...RegistrationLimit.coolDown).contains(seconds))
            guard case .coolingDown = try await node.register(node.session(client("a"))) else {
                Issue.record("it may connect again")
                return
            }
            #expect(try await node.register(node.session(client("b"))) == .registered(epoch: 1, hasMail: false))
            #expect(try await node.store.client(client("a"))?.epoch == UInt64(RegistrationLimit.connects))
        },
    ]
}
