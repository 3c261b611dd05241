import NIOCore
import SwitchboardProtocol
import Synchronization
import Testing

@testable import SwitchboardCore

/// What the shared contract cannot see: the clock, the bounds, and receivers that call back.
@Suite struct InProcessMailboxesTests {
    private let clock = FakeClock()

    private func mailboxes(_ maximumBytes: Int = InProcessMailboxes.maximumBytes) -> InProcessMailboxes {
        InProcessMailboxes(maximumBytes: maximumBytes) { [clock] in clock.now }
    }

    private func push(_ id: String, to name: ClientID = client("a"), bytes: Int = 1, lifetime: Double = 60) -> BusPush {
        BusPush(
            id: PushID(unchecked: id), target: .client(name),
            payload: Payload(format: .binary, bytes: ByteBuffer(repeating: 1, count: bytes)),
            durable: BusPush.Durable(expiresAt: clock.now + UInt64(lifetime * 1000)))
    }

    /// In process the completion comes within the call, unless another thread is at it.
    private func enqueue(
        _ push: BusPush, _ boxes: InProcessMailboxes, _ limits: MailboxLimits = .unlimited
    ) -> Result<Enqueued, BusError>? {
        let result = Mutex<Result<Enqueued, BusError>?>(nil)
        boxes.enqueue(
            push, limits: limits, publish: { _, _ in 0 }, completion: { outcome in result.withLock { $0 = outcome } })
        return result.withLock { $0 }
    }

    private func place(_ result: Result<Enqueued, BusError>?) -> BusPush.Place? {
        if case .success(.stored(let place, _, _, _, _)) = result { place } else { nil }
    }

    @Test func offsetsAreOfTheClockAndRiseWhenItStepsBack() {
        let boxes = mailboxes()
        let start = clock.now
        #expect(place(enqueue(push("1"), boxes))?.offset.description == "\(start)-0")
        #expect(place(enqueue(push("2"), boxes))?.offset.description == "\(start)-1")
        clock.advance(seconds: 1)
        #expect(place(enqueue(push("3"), boxes))?.offset.description == "\(start + 1000)-0")
        clock.stepBack(seconds: 60)
        #expect(place(enqueue(push("4"), boxes))?.offset.description == "\(start + 1000)-1")
        let pushes = boxes.mail(of: client("a"), after: nil, limit: 10, bytes: 100).pushes
        #expect(pushes.map(\.id.rawValue) == ["1", "2", "3", "4"])
    }

    @Test func anEntryExpiresAtItsTimeAndNotBefore() {
        let boxes = mailboxes()
        _ = enqueue(push("1", lifetime: 10), boxes)
        clock.advance(seconds: 9.999)
        #expect(boxes.expire().isEmpty)
        #expect(boxes.hasMail(client("a")))
        clock.advance(seconds: 0.001)
        #expect(boxes.expire() == [ExpiredPush(id: PushID(unchecked: "1"), client: client("a"))])
        #expect(boxes.expire().isEmpty)
        #expect(!boxes.hasMail(client("a")))
    }

    /// What is found expired by the way is told by the next who can tell it.
    @Test func whatExpiredIsToldOnceByWhomever() {
        let boxes = mailboxes()
        for name in ["a", "b"] { _ = enqueue(push(name, to: client(name), lifetime: 1), boxes) }
        clock.advance(seconds: 2)
        #expect(boxes.size(of: client("a")).pushes == 0)
        #expect(boxes.size(of: client("b")).pushes == 0)
        #expect(boxes.mail(of: client("a"), after: nil, limit: 1, bytes: 1).expired.map(\.id.rawValue) == ["a"])
        #expect(boxes.expire().map(\.id.rawValue) == ["b"])
    }

    @Test func anAckIsWorthMoreThanTheClock() {
        let boxes = mailboxes()
        let kept = place(enqueue(push("1", lifetime: 1), boxes))
        clock.advance(seconds: 2)
        #expect(boxes.acknowledge(client("a"), upTo: kept?.offset ?? .zero).map(\.id.rawValue) == ["1"])
        #expect(boxes.expire().isEmpty)
    }

    @Test func allMailboxesTogetherAreBounded() {
        let boxes = mailboxes(10 * (InProcessMailbox.entryOverhead + 1000))
        for index in 0..<10 {
            #expect(place(enqueue(push("p", to: client("c\(index)"), bytes: 1000), boxes)) != nil)
        }
        #expect(enqueue(push("q"), boxes) == .success(.full(MailboxSize(pushes: 0, bytes: 0))))
        let displacing = MailboxLimits(pushes: 100, bytes: 0, overflow: .displace)
        let more = push("q", to: client("c0"), bytes: 1000)
        #expect(enqueue(more, boxes, displacing) == .success(.full(MailboxSize(pushes: 1, bytes: 1000))))
        // What it displaces makes room for it.
        let one = MailboxLimits(pushes: 1, bytes: 0, overflow: .displace)
        #expect(place(enqueue(more, boxes, one)) != nil)
        #expect(boxes.empty(client("c1")).count == 1)
        #expect(place(enqueue(push("q", bytes: 1000), boxes)) != nil)
    }

    @Test func manyEmptyMailboxesAreForgottenAndTheirPlacesStillRise() throws {
        let boxes = mailboxes()
        let first = try #require(place(enqueue(push("1"), boxes)))
        _ = boxes.acknowledge(client("a"), upTo: first.offset)
        let stays = try #require(place(enqueue(push("1", to: client("stays")), boxes)))
        for index in 0..<(InProcessMailboxes.keptEmpty * 17) {
            let other = client("c\(index)")
            _ = enqueue(push("p", to: other), boxes)
            _ = boxes.empty(other)
        }
        let next = try #require(place(enqueue(push("2"), boxes)))
        #expect(next.previous == .zero)
        #expect(next.offset > first.offset)
        #expect(place(enqueue(push("2", to: client("stays")), boxes))?.previous == stays.offset)
        #expect(boxes.size(of: client("stays")).pushes == 2)
    }

    @Test func onlyADurablePushToOneClientIsKept() {
        let boxes = mailboxes()
        var transient = push("1")
        transient.durable = nil
        var broadcast = push("1")
        broadcast.target = .all
        for push in [transient, broadcast] {
            guard case .failure(.unavailable) = enqueue(push, boxes) else {
                Issue.record("\(push) was kept")
                continue
            }
        }
    }

    /// Answers every push of the first ten with another one to the same client, from within.
    private final class Echo: BusReceiver {
        private let heard = Mutex<[PushID]>([])
        private let store: InProcessStore
        private let expiresAt: UInt64

        init(_ store: InProcessStore, expiresAt: UInt64) {
            self.store = store
            self.expiresAt = expiresAt
        }

        var ids: [String] { heard.withLock { $0.map(\.rawValue) } }

        func receive(_ message: BusMessage) {
            guard case .push(var push) = message else { return }
            let count = heard.withLock { heard in
                heard.append(push.id)
                return heard.count
            }
            guard count < 10 else { return }
            push.id = PushID(unchecked: "\(count)")
            push.durable = BusPush.Durable(expiresAt: expiresAt)
            store.enqueue(push, limits: .unlimited) { _ in }
            store.acknowledge(client("a"), upTo: .zero) { _ in }
        }

        func busWasLost() {}
        func busDidRecover() {}
    }

    @Test func aReceiverMayCallTheStore() {
        let cluster = InProcessCluster()
        let (bus, store) = cluster.makeNode(node("n1"))
        let echo = Echo(store, expiresAt: .max)
        bus.attach(echo)
        store.register(session(of: client("a")), policy: .newest) { _ in }
        store.enqueue(push("0", lifetime: 1e9), limits: .unlimited) { _ in }
        #expect(echo.ids == (0..<10).map { "\($0)" })
    }
}
