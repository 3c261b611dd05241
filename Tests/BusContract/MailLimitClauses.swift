import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

private let a = client("a")

private func bytes(_ count: Int, _ id: String, collapse: String? = nil, lifetime: Double = 60) -> BusPush {
    durablePush(
        String(repeating: "x", count: count), to: .client(a), id: id, lifetime: lifetime, collapse: collapse)
}

private func ids(_ names: String...) -> [PushID] { names.map { PushID(unchecked: $0) } }

extension Node {
    fileprivate func waiting() async throws -> [String] { try await mail(of: a).pushes.map(\.id.rawValue) }

    /// What gave way to a push that must be kept.
    fileprivate func removed(
        by push: BusPush, _ limits: MailboxLimits = .none, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> (collapsed: PushID?, displaced: [PushID]) {
        let outcome = try await enqueue(push, limits)
        guard case .stored(_, _, let collapsed, let displaced, let size) = outcome else {
            Issue.record("\(push.id): \(outcome)", sourceLocation: sourceLocation)
            return (nil, [])
        }
        #expect(try await store.mailboxSize(of: a) == size, sourceLocation: sourceLocation)
        return (collapsed, displaced)
    }
}

extension BusContract {
    static let mailLimits: [ContractClause] = [
        ContractClause("a push replaces the one that waits with the same collapse key") { cluster in
            let node = try await cluster.node("n1")
            let old = try await node.keep(bytes(3, "old", collapse: "k")).push
            _ = try await node.keep(bytes(1, "between"))
            _ = try await node.keep(bytes(1, "other", collapse: "l"))
            let removed = try await node.removed(by: bytes(2, "new", collapse: "k"))
            #expect(removed.collapsed == old.id)
            #expect(removed.displaced.isEmpty)
            #expect(try await node.waiting() == ["between", "other", "new"])
            #expect(try await node.store.mailboxSize(of: a) == MailboxSize(pushes: 3, bytes: 4))
            #expect(try await node.removed(by: bytes(2, "newer", collapse: "k")).collapsed == ids("new").first)
            #expect(try await node.waiting() == ["between", "other", "newer"])
        },
        ContractClause("what is acked, cancelled or emptied is not collapsed any more") { cluster in
            let node = try await cluster.node("n1")
            let one = try await node.keep(bytes(1, "1", collapse: "k")).push
            _ = try await node.acknowledge(a, upTo: one.offset ?? .zero)
            _ = try await node.keep(bytes(1, "2", collapse: "k"))
            #expect(try await node.store.cancel(PushID(unchecked: "2"), for: a))
            _ = try await node.keep(bytes(1, "3", collapse: "k"))
            _ = try await node.store.emptyMailbox(of: a)
            _ = try await node.keep(bytes(1, "4", collapse: "k"))
            #expect(try await node.waiting() == ["4"])
        },
        ContractClause("the place of a collapsed push is not given again") { cluster in
            let node = try await cluster.node("n1")
            let old = try await node.keep(bytes(1, "old", collapse: "k")).push
            guard case .stored(let place, _, _, _, _) = try await node.enqueue(bytes(1, "new", collapse: "k")) else {
                Issue.record("it was refused")
                return
            }
            #expect(place.previous == old.offset)
            #expect(place.offset > place.previous)
        },
        ContractClause("a full mailbox refuses, by number of pushes, and says what is in it") { cluster in
            let node = try await cluster.node("n1")
            let limits = MailboxLimits(pushes: 2, bytes: 0, overflow: .refuse)
            _ = try await node.keep(bytes(5, "1"), limits)
            _ = try await node.keep(bytes(6, "2"), limits)
            let full = Enqueued.full(MailboxSize(pushes: 2, bytes: 11))
            #expect(try await node.enqueue(bytes(1, "3"), limits) == full)
            #expect(try await node.waiting() == ["1", "2"])
            _ = try await node.store.cancel(PushID(unchecked: "1"), for: a)
            _ = try await node.keep(bytes(1, "4"), limits)
            #expect(try await node.waiting() == ["2", "4"])
        },
        ContractClause("a full mailbox refuses, by bytes, and sends nothing") { cluster in
            let node = try await cluster.node("n1")
            _ = try await node.join(a)
            let limits = MailboxLimits(pushes: 0, bytes: 10, overflow: .refuse)
            let one = try await node.keep(bytes(6, "1"), limits).push
            #expect(try await node.enqueue(bytes(5, "2"), limits) == .full(MailboxSize(pushes: 1, bytes: 6)))
            let three = try await node.keep(bytes(4, "3"), limits).push
            #expect(await node.recorder.relevant(2) == [.push(one), .push(three)])
            // An empty one fits always.
            _ = try await node.keep(bytes(0, "4"), limits)
            #expect(try await node.waiting() == ["1", "3", "4"])
        },
        ContractClause("what is collapsed makes room first, but stays when the new one is refused") { cluster in
            let node = try await cluster.node("n1")
            let limits = MailboxLimits(pushes: 2, bytes: 10, overflow: .refuse)
            _ = try await node.keep(bytes(5, "1", collapse: "k"), limits)
            _ = try await node.keep(bytes(5, "2"), limits)
            #expect(
                try await node.enqueue(bytes(6, "3", collapse: "k"), limits) == .full(MailboxSize(pushes: 2, bytes: 10))
            )
            #expect(try await node.waiting() == ["1", "2"])
            #expect(try await node.removed(by: bytes(4, "4", collapse: "k"), limits).collapsed == ids("1").first)
            #expect(try await node.waiting() == ["2", "4"])
        },
        ContractClause("the oldest give way, by number of pushes") { cluster in
            let node = try await cluster.node("n1")
            let limits = MailboxLimits(pushes: 2, bytes: 0, overflow: .displace)
            _ = try await node.keep(bytes(1, "1"), limits)
            _ = try await node.keep(bytes(1, "2"), limits)
            #expect(try await node.removed(by: bytes(1, "3"), limits).displaced == ids("1"))
            #expect(try await node.waiting() == ["2", "3"])
            // A lower limit, configured later.
            let one = MailboxLimits(pushes: 1, bytes: 0, overflow: .displace)
            #expect(try await node.removed(by: bytes(1, "4"), one).displaced == ids("2", "3"))
            #expect(try await node.waiting() == ["4"])
        },
        ContractClause("the oldest give way, by bytes, and no more of them than needed") { cluster in
            let node = try await cluster.node("n1")
            let limits = MailboxLimits(pushes: 0, bytes: 10, overflow: .displace)
            for name in ["1", "2", "3"] { _ = try await node.keep(bytes(3, name), limits) }
            #expect(try await node.removed(by: bytes(5, "4"), limits).displaced == ids("1", "2"))
            #expect(try await node.store.mailboxSize(of: a) == MailboxSize(pushes: 2, bytes: 8))
            #expect(try await node.removed(by: bytes(10, "5"), limits).displaced == ids("3", "4"))
            #expect(try await node.waiting() == ["5"])
        },
        ContractClause("a push that is larger than the mailbox is refused and displaces nothing") { cluster in
            let node = try await cluster.node("n1")
            for overflow in MailboxLimits.Overflow.allCases {
                let limits = MailboxLimits(pushes: 0, bytes: 10, overflow: overflow)
                #expect(try await node.enqueue(bytes(11, "1"), limits) == .full(MailboxSize(pushes: 0, bytes: 0)))
            }
            let limits = MailboxLimits(pushes: 1, bytes: 10, overflow: .displace)
            _ = try await node.keep(bytes(4, "2", collapse: "k"), limits)
            #expect(
                try await node.enqueue(bytes(11, "3", collapse: "k"), limits) == .full(MailboxSize(pushes: 1, bytes: 4))
            )
            #expect(try await node.waiting() == ["2"])
        },
        ContractClause("a collapsed push is not reported as displaced as well") { cluster in
            let node = try await cluster.node("n1")
            let limits = MailboxLimits(pushes: 2, bytes: 10, overflow: .displace)
            _ = try await node.keep(bytes(3, "1", collapse: "k"), limits)
            _ = try await node.keep(bytes(3, "2"), limits)
            let removed = try await node.removed(by: bytes(9, "3", collapse: "k"), limits)
            #expect(removed.collapsed == ids("1").first)
            #expect(removed.displaced == ids("2"))
            #expect(try await node.waiting() == ["3"])
        },
        ContractClause("what gave way is not acked any more") { cluster in
            let node = try await cluster.node("n1")
            let limits = MailboxLimits(pushes: 2, bytes: 0, overflow: .displace)
            _ = try await node.keep(bytes(1, "1"), limits)
            _ = try await node.keep(bytes(1, "2", collapse: "k"), limits)
            _ = try await node.removed(by: bytes(1, "3", collapse: "k"), limits)
            _ = try await node.removed(by: bytes(1, "4"), limits)
            let beyond = StreamOffset(milliseconds: WallClock.milliseconds() + 10_000, sequence: 0)
            #expect(try await node.acknowledge(a, upTo: beyond).map(\.id) == ids("3", "4"))
        },
    ]
}
