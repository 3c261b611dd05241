import SwitchboardCore
import SwitchboardProtocol
import Testing

private let a = client("a")

/// Seconds: long enough that what is put in before it is over is put in indeed.
private let soon = 0.6

extension BusContract {
    static let mailExpiry: [ContractClause] = [
        ContractClause("what has expired is not read any more, and is told of once") { cluster in
            let node = try await cluster.node("n1")
            let first = try await node.keep(durablePush("1", to: .client(a))).push
            var traced = durablePush("2", to: .client(a), lifetime: soon, collapse: "k")
            traced.trace = TraceContext(traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            let short = try await node.keep(traced).push
            let last = try await node.keep(durablePush("3", to: .client(a))).push
            try await expiry(of: short)
            #expect(short.trace != nil)
            let expired = [ExpiredPush(id: short.id, client: a, trace: short.trace)]
            let page = try await node.mail(of: a)
            #expect(page == MailPage(pushes: [first, last], expired: expired, hasMore: false))
            #expect(try await node.mail(of: a) == MailPage(pushes: [first, last], expired: [], hasMore: false))
            #expect(try await node.store.expireMail().isEmpty)
            #expect(try await node.store.cancel(short.id, for: a) == false)
            // Nothing is there that it could replace.
            let again = try await node.keep(durablePush("4", to: .client(a), collapse: "k")).push
            #expect(again.place?.previous == last.offset)
        },
        ContractClause("what has expired is found in mailboxes that nobody reads, once") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            var short: [BusPush] = []
            for index in 0..<20 {
                let client = client("c\(index)")
                short.append(try await first.keep(durablePush("p\(index)", to: .client(client), lifetime: soon)).push)
                if index % 2 == 0 { _ = try await first.keep(durablePush("stays", to: .client(client))) }
            }
            if let last = short.last { try await expiry(of: last) }
            var found: [ExpiredPush] = []
            _ = try await eventually {
                async let one = first.store.expireMail()
                async let two = second.store.expireMail()
                found += try await one + two
                return found.count
            } until: {
                $0 >= short.count
            }
            #expect(found.map(\.id.rawValue).sorted() == short.map(\.id.rawValue).sorted())
            #expect(found.allSatisfy { $0.id.rawValue.dropFirst() == $0.client.rawValue.dropFirst() })
            #expect(try await first.store.expireMail().isEmpty)
            #expect(try await first.mail(of: client("c0")).pushes.map(\.id.rawValue) == ["stays"])
            #expect(try await first.mail(of: client("c1")) == MailPage(pushes: [], expired: [], hasMore: false))
        },
        ContractClause("what has expired counts neither in the size nor in the limits nor as mail") { cluster in
            let node = try await cluster.node("n1")
            let limits = MailboxLimits(pushes: 2, bytes: 100, overflow: .refuse)
            let short = [
                try await node.keep(durablePush("1", to: .client(a), lifetime: soon, collapse: "k"), limits).push,
                try await node.keep(durablePush("2", to: .client(a), lifetime: soon), limits).push,
            ]
            try await expiry(of: short[1])
            #expect(try await node.store.mailboxSize(of: a) == MailboxSize(pushes: 0, bytes: 0))
            #expect(try await node.register(node.session(a)) == .registered(epoch: 1, hasMail: false))
            let displacing = MailboxLimits(pushes: 2, bytes: 0, overflow: .displace)
            // Neither collapsed nor displaced.
            _ = try await node.keep(durablePush("33", to: .client(a), collapse: "k"), displacing)
            _ = try await node.keep(durablePush("44", to: .client(a)), limits)
            #expect(
                try await node.enqueue(durablePush("55", to: .client(a)), limits)
                    == .full(MailboxSize(pushes: 2, bytes: 4)))
            #expect(try await node.mail(of: a).pushes.map(\.id.rawValue) == ["33", "44"])
        },
        ContractClause("what has expired is not emptied, and what was removed before does not expire") { cluster in
            let node = try await cluster.node("n1")
            let short = try await node.keep(durablePush("1", to: .client(a), lifetime: soon)).push
            let acked = try await node.keep(durablePush("2", to: .client(client("b")), lifetime: soon)).push
            let cancelled = try await node.keep(durablePush("3", to: .client(client("c")), lifetime: soon)).push
            _ = try await node.keep(durablePush("4", to: .client(a)))
            _ = try await node.acknowledge(client("b"), upTo: acked.offset ?? .zero)
            _ = try await node.store.cancel(cancelled.id, for: client("c"))
            try await expiry(of: cancelled)
            #expect(try await node.store.emptyMailbox(of: a).map(\.rawValue) == ["4"])
            var found: [ExpiredPush] = []
            _ = try await eventually {
                found += try await node.store.expireMail()
                return found
            } until: {
                !$0.isEmpty
            }
            #expect(found == [ExpiredPush(id: short.id, client: a)])
        },
    ]
}
