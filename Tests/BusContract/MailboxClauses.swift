import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

private let a = client("a")

extension BusContract {
    static let mailboxes: [ContractClause] = [
        ContractClause("what is put into a mailbox is read in order, as it was, on any node") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            var kept: [BusPush] = []
            for index in 0..<20 {
                var push = durablePush("\(index)\n", to: .client(a), waits: index % 2 == 0)
                push.id = PushID(unchecked: "p\(index)")
                if index % 5 == 0 { push.payload = Payload(format: .binary, bytes: ByteBuffer(bytes: 0...255)) }
                if index % 7 == 0 { push.payload = Payload(format: .json, bytes: ByteBuffer(string: #"{"a": 1.0}"#)) }
                if index == 3 { push.origin = nil }
                if index == 3 { push.ticket = 0 }
                if index == 4 { push.durable?.collapse = "key \"\n" }
                kept.append(try await (index % 2 == 0 ? first : second).keep(push).push)
            }
            #expect(kept.compactMap(\.offset).sorted() == kept.compactMap(\.offset))
            for node in [first, second] {
                #expect(try await node.mail(of: a) == MailPage(pushes: kept, expired: [], hasMore: false))
            }
        },
        ContractClause("every place names the one before it, from zero on, and none is given twice") { cluster in
            let node = try await cluster.node("n1")
            var previous = StreamOffset.zero
            for index in 0..<10 {
                let place = try #require(try await node.keep(durablePush("\(index)", to: .client(a))).push.place)
                #expect(place.previous == previous)
                #expect(place.offset > previous)
                #expect(place.epoch == nil)
                previous = place.offset
                if index == 4 { _ = try await node.acknowledge(a, upTo: place.offset) }
                if index == 6 { _ = try await node.store.emptyMailbox(of: a) }
                if index == 8 { _ = try await node.store.cancel(PushID(unchecked: "8"), for: a) }
            }
        },
        ContractClause("mailboxes of different clients are apart") { cluster in
            let node = try await cluster.node("n1")
            let one = try await node.keep(durablePush("1", to: .client(a))).push
            let other = try await node.keep(durablePush("2", to: .client(client("a.b")))).push
            #expect(try await node.mail(of: a).pushes == [one])
            #expect(try await node.mail(of: client("a.b")).pushes == [other])
            #expect(try await node.mail(of: client("c")) == MailPage(pushes: [], expired: [], hasMore: false))
            #expect(try await node.store.mailboxSize(of: client("c")) == MailboxSize(pushes: 0, bytes: 0))
        },
        ContractClause("a mailbox is read page by page, and from any place on") { cluster in
            let node = try await cluster.node("n1")
            let kept = try await node.fill(a, 7)
            let first = try await node.mail(of: a, limit: 3)
            #expect(first == MailPage(pushes: Array(kept[..<3]), expired: [], hasMore: true))
            let second = try await node.mail(of: a, after: kept[2].offset, limit: 3)
            #expect(second == MailPage(pushes: Array(kept[3..<6]), expired: [], hasMore: true))
            let last = try await node.mail(of: a, after: kept[5].offset, limit: 3)
            #expect(last == MailPage(pushes: [kept[6]], expired: [], hasMore: false))
            let none = try await node.mail(of: a, after: kept[6].offset, limit: 3)
            #expect(none == MailPage(pushes: [], expired: [], hasMore: false))
            #expect(try await node.mail(of: a, after: kept[3].offset, limit: 3).hasMore == false)
            #expect(try await node.mail(of: a, after: .zero).pushes == kept)
        },
        ContractClause("a page ends when enough bytes are in it, and is never empty for that") { cluster in
            let node = try await cluster.node("n1")
            let kept = try await node.fill(a, 10, bytes: 100)
            #expect(try await node.mail(of: a, bytes: 1) == MailPage(pushes: [kept[0]], expired: [], hasMore: true))
            var read: [BusPush] = []
            var page: MailPage
            repeat {
                page = try await node.mail(of: a, after: read.last?.offset, bytes: 250)
                #expect((1...3).contains(page.pushes.count))
                read += page.pushes
            } while page.hasMore && read.count < 100
            #expect(read == kept)
            #expect(try await node.mail(of: a, bytes: 1000 + 100).pushes.count == 10)
        },
        ContractClause("an ack removes everything up to its place and says what it was") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            var kept: [BusPush] = []
            for index in 0..<5 {
                var push = durablePush("p\(index)", to: .client(a), waits: index % 2 == 0)
                push.ticket = UInt64(100 + index)
                push.origin = first.id
                if index == 2 { push.origin = nil }
                if index == 2 { push.ticket = 0 }
                kept.append(try await first.keep(push).push)
            }
            let waiter = AckedPush.Waiter(node: first.id, ticket: 100)
            let acked = try await second.acknowledge(a, upTo: kept[2].offset ?? .zero)
            #expect(
                acked == [
                    AckedPush(id: kept[0].id, waiter: waiter), AckedPush(id: kept[1].id, waiter: nil),
                    AckedPush(id: kept[2].id, waiter: nil),
                ])
            #expect(try await second.acknowledge(a, upTo: kept[2].offset ?? .zero).isEmpty)
            #expect(try await first.mail(of: a).pushes == Array(kept[3...]))
            let beyond = StreamOffset(milliseconds: WallClock.milliseconds() + 10_000, sequence: 0)
            #expect(try await first.acknowledge(a, upTo: beyond).map(\.id) == kept[3...].map(\.id))
            #expect(try await first.mail(of: a).pushes.isEmpty)
            #expect(try await first.acknowledge(client("nobody"), upTo: beyond).isEmpty)
            // An ack of what has not been sent does not swallow what will be.
            let later = try await first.keep(durablePush("later", to: .client(a))).push
            #expect(try await first.mail(of: a).pushes == [later])
        },
        ContractClause("a push is cancelled by its id, once") { cluster in
            let node = try await cluster.node("n1")
            let kept = try await node.fill(a, 3)
            #expect(try await node.store.cancel(kept[1].id, for: a))
            #expect(try await node.mail(of: a).pushes == [kept[0], kept[2]])
            #expect(try await node.store.cancel(kept[1].id, for: a) == false)
            #expect(try await node.store.cancel(kept[0].id, for: client("b")) == false)
            #expect(try await node.acknowledge(a, upTo: kept[2].offset ?? .zero).map(\.id) == [kept[0].id, kept[2].id])
            #expect(try await node.store.cancel(kept[0].id, for: a) == false)
        },
        ContractClause("a mailbox is emptied, and says of what") { cluster in
            let node = try await cluster.node("n1")
            let kept = try await node.fill(a, 3)
            #expect(try await node.store.emptyMailbox(of: a) == kept.map(\.id))
            #expect(try await node.store.emptyMailbox(of: a).isEmpty)
            #expect(try await node.store.emptyMailbox(of: client("nobody")).isEmpty)
            #expect(try await node.store.mailboxSize(of: a) == MailboxSize(pushes: 0, bytes: 0))
            let next = try await node.keep(durablePush("next", to: .client(a))).push
            #expect(try await node.mail(of: a).pushes == [next])
        },
        ContractClause("the size of a mailbox counts its pushes and bytes of payload") { cluster in
            let node = try await cluster.node("n1")
            let kept = try await node.fill(a, 4, bytes: 10)
            #expect(try await node.store.mailboxSize(of: a) == MailboxSize(pushes: 4, bytes: 40))
            _ = try await node.acknowledge(a, upTo: kept[0].offset ?? .zero)
            _ = try await node.store.cancel(kept[2].id, for: a)
            #expect(try await node.store.mailboxSize(of: a) == MailboxSize(pushes: 2, bytes: 20))
        },
    ]
}

extension Node {
    /// - Returns: That many pushes in the client's mailbox, with their places.
    func fill(_ client: ClientID, _ count: Int, bytes: Int = 1) async throws -> [BusPush] {
        var kept: [BusPush] = []
        for index in 0..<count {
            let text = String(repeating: "x", count: bytes)
            kept.append(try await keep(durablePush(text, to: .client(client), id: "p\(index)")).push)
        }
        return kept
    }
}
