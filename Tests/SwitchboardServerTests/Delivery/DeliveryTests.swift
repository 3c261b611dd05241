import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization
import Testing

@testable import SwitchboardServer

/// A bus that answers when the test says so.
private final class HeldBus: Bus {
    typealias Answer = @Sendable (Result<Int, BusError>) -> Void
    let node = NodeID(unchecked: "n1")
    let isAvailable = true
    private let sent = Mutex<[(message: BusMessage, client: ClientID?, answer: Answer)]>([])

    var messages: [BusMessage] { sent.withLock { $0.map(\.message) } }
    var clients: [ClientID?] { sent.withLock { $0.map(\.client) } }

    /// - Parameter result: The number of nodes that were reached.
    func answer(_ result: Result<Int, BusError>, to index: Int = 0) { sent.withLock { $0[index].answer }(result) }

    func attach(_ receiver: any BusReceiver) {}
    func barrier(completion: @escaping @Sendable (Result<Void, BusError>) -> Void) { completion(.success(())) }
    func send(_ message: BusMessage, to node: NodeID) {}

    func publish(_ message: BusMessage, completion: @escaping Answer) {
        sent.withLock { $0.append((message, nil, completion)) }
    }

    func route(
        _ message: BusMessage, to client: ClientID,
        completion: @escaping @Sendable (Result<RouteOutcome, BusError>) -> Void
    ) {
        sent.withLock {
            $0.append(
                (message, client, { result in completion(result.map { $0 == 0 ? .offline : .routed(nodes: $0) }) }))
        }
    }
}

@Suite struct DeliveryTests {
    private let bus = HeldBus()
    private let delivery: Delivery
    private let answers = Answers()

    private final class Answers: Sendable {
        private let all = Mutex<[Result<PushReport, PushFailure>]>([])
        var list: [Result<PushReport, PushFailure>] { all.withLock { $0 } }
        func add(_ answer: Result<PushReport, PushFailure>) { all.withLock { $0.append(answer) } }
    }

    private static let limits = KeepingLimits(
        mailbox: MailboxLimits(pushes: 10, bytes: 1000, overflow: .refuse), mailboxTTL: 60, historyPushes: 10,
        historyTTL: 60)

    init() { delivery = Self.delivery(bus, rate: 0) }

    private static func delivery(_ bus: HeldBus, rate: Int) -> Delivery {
        Delivery(bus: bus, store: InProcessCluster().makeNode(bus.node).store, rate: rate, limits: limits)
    }

    /// - Returns: What was sent.
    private func push(to target: Target) throws -> BusPush {
        let answers = answers
        let payload = Payload(format: .text, bytes: ByteBuffer(string: "x"))
        delivery.push(PushOrder(target: target, payload: payload)) { _, result in answers.add(result) }
        guard case .push(let push)? = bus.messages.last else { throw BusError.unavailable("nothing was sent") }
        return push
    }

    private func receipt(_ push: BusPush, _ node: String, _ delivered: Int) -> Receipt {
        Receipt(
            ticket: push.ticket, node: NodeID(unchecked: node), matched: delivered, delivered: delivered, dropped: 0)
    }

    @Test func thePushIsSentAsItWasGiven() throws {
        let push = try push(to: .group(group("g")))
        #expect(push.target == .group(group("g")))
        #expect(push.payload == Payload(format: .text, bytes: ByteBuffer(string: "x")))
        #expect(push.origin == bus.node)
        #expect(push.acceptedAt > 1_600_000_000_000)
    }

    @Test func onlySoManyAnswersAreWaitedFor() throws {
        let payload = Payload(format: .text, bytes: ByteBuffer(string: "x"))
        func wait() {
            delivery.push(PushOrder(target: .all, payload: payload, options: PushOrder.Options(wait: 60))) {
                [answers] _, result in answers.add(result)
            }
        }
        for _ in 0..<Delivery.maximumWaiting { wait() }
        #expect(answers.list.isEmpty)
        wait()
        #expect(answers.list == [.failure(.bus(.overloaded))])
        // Who does not wait is not concerned; and when one has its answer there is room for another.
        _ = try push(to: .all)
        #expect(answers.list.count == 1)
        bus.answer(.failure(.unavailable("away")))
        #expect(answers.list.count == 2)
        wait()
        #expect(answers.list.count == 2)
        wait()
        #expect(answers.list.count == 3)
    }

    @Test func onlyOneClientsPushIsRouted() throws {
        for target in [
            Target.client(client("a")), .clients([client("a")]), .group(group("g")), .labels(["k": "v"]), .all,
        ] {
            _ = try push(to: target)
        }
        #expect(bus.clients == [client("a"), nil, nil, nil, nil])
    }

    @Test func theAnswerIsGivenOnceHoweverMuchComesAfterIt() throws {
        let push = try push(to: .all)
        delivery.received(receipt(push, "n1", 1))
        bus.answer(.success(2))
        #expect(answers.list.isEmpty)
        delivery.received(receipt(push, "n1", 5))
        delivery.received(receipt(push, "n2", 2))
        delivery.received(receipt(push, "n3", 7))
        delivery.sweep(living: [NodeID(unchecked: "n1"), NodeID(unchecked: "n2")])
        var counts = PushCounts()
        counts.matched = 3
        counts.delivered = 3
        counts.nodes = 2
        #expect(answers.list == [.success(PushReport(counts: counts, isFinal: true))])
    }

    @Test func anOfflineClientIsAnsweredAtOnce() throws {
        _ = try push(to: .client(client("a")))
        bus.answer(.success(0))
        var counts = PushCounts()
        counts.offline = 1
        #expect(answers.list == [.success(PushReport(counts: counts, isFinal: true))])
    }

    @Test func aBusThatFailsIsNeverASuccess() throws {
        for target in [Target.all, .client(client("a"))] { _ = try push(to: target) }
        bus.answer(.failure(.unavailable("away")), to: 0)
        bus.answer(.failure(.overloaded), to: 1)
        #expect(answers.list == [.failure(.bus(.unavailable("away"))), .failure(.bus(.overloaded))])
    }

    @Test func receiptsAfterAFailureAreNoSecondAnswer() throws {
        let push = try push(to: .all)
        bus.answer(.failure(.overloaded))
        // Even from a bus that then says the opposite.
        bus.answer(.success(1))
        delivery.received(receipt(push, "n1", 1))
        #expect(answers.list == [.failure(.bus(.overloaded))])
    }

    @Test func receiptsOfOthersAreNotOurs() throws {
        var push = try push(to: .all)
        bus.answer(.success(1))
        push.ticket += 1
        delivery.received(receipt(push, "n1", 1))
        #expect(answers.list.isEmpty)
    }

    @Test func pushesDoNotMixTheirReceipts() throws {
        let pushes = [try push(to: .all), try push(to: .all)]
        bus.answer(.success(1), to: 0)
        bus.answer(.success(1), to: 1)
        delivery.received(receipt(pushes[1], "n1", 4))
        delivery.received(receipt(pushes[0], "n1", 3))
        #expect(answers.list.map { try? $0.get().counts.delivered } == [4, 3])
        #expect(pushes[0].id < pushes[1].id)
        #expect(delivery.pushes == 2)
    }

    @Test func theRateIsObeyed() {
        let delivery = Self.delivery(bus, rate: 2)
        #expect(delivery.throttle(.anonymous) == nil)
        #expect(delivery.throttle(.anonymous) == nil)
        #expect(delivery.throttle(.anonymous) == 1)
        #expect(delivery.throttled == 1)
        // Lines have as many for themselves, and are none that is refused.
        #expect((0..<3).map { _ in delivery.takesLine(.anonymous) } == [true, true, false])
        #expect(delivery.throttled == 1)
    }
}
