import SwitchboardCore
import SwitchboardProtocol
import Testing

extension BusContract {
    static let barrier: [ContractClause] = [
        ContractClause("behind a barrier everything that others published has arrived") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            for round in 0..<10 {
                for index in 0..<50 { second.bus.publish(push("\(round).\(index)")) { _ in } }
                _ = try await second.publish(push("\(round).end"))
                try await first.barrier()
                #expect(first.recorder.relevant.count == (round + 1) * 51)
                #expect(first.recorder.relevant.last == push("\(round).end"))
            }
        },
        ContractClause("behind a barrier everything that the store kept and published has arrived") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let all = 10
            for index in 0..<all {
                _ = try await first.join(client("c\(index)"))
                _ = try await second.keep(durablePush("\(index)", to: .client(client("c\(index)"))))
                _ = try await second.append(durablePush("all\(index)", to: .all))
            }
            try await first.barrier()
            #expect(first.recorder.relevant.count == 2 * all)
            #expect(second.recorder.relevant.count == all)
        },
        ContractClause("what can be read from a mailbox has been heard behind a barrier", needsOneStep: true) {
            cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let a = client("a")
            _ = try await first.join(a)
            let count = 200
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    for index in 0..<count { _ = try await second.keep(durablePush("\(index)", to: .client(a))) }
                }
                tasks.addTask {
                    var read = 0
                    while read < count {
                        try Task.checkCancellation()
                        let waiting = try await first.mail(of: a).pushes
                        try await first.barrier()
                        #expect(first.recorder.relevant.count >= waiting.count)
                        read = waiting.count
                    }
                }
                try await tasks.waitForAll()
            }
        },
        ContractClause("barriers at the same time all end, on a bus where nothing happens") { cluster in
            let node = try await cluster.node("n1")
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for _ in 0..<20 { tasks.addTask { try await node.barrier() } }
                try await tasks.waitForAll()
            }
            #expect(node.recorder.relevant.isEmpty)
        },
    ]
}
