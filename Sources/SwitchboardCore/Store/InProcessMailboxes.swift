import SwitchboardProtocol
import Synchronization

/// The mailboxes of an ``InProcessCluster``.
///
/// A push is appended, and queued for its receiver, under one lock, but handed over outside of it: so every client gets its
/// pushes in the order of their offsets, and a receiver may call the store.
final class InProcessMailboxes: Sendable {
    /// Bytes that all mailboxes take together: payloads, and ``InProcessMailbox/entryOverhead`` per push.
    static let maximumBytes = 256 << 20
    /// So many mailboxes of one stripe may be empty before they are forgotten.
    static let keptEmpty = 16_384

    /// Hands a push to the node of its client; the number of nodes that have it.
    typealias Publish = @Sendable (BusPush, ClientID) -> Int

    fileprivate struct State {
        var boxes: [ClientID: InProcessMailbox] = [:]
        var offsets = OffsetClock()
        var sweepAt = InProcessMailboxes.keptEmpty
    }

    /// Clients of different stripes do not wait for each other.
    private final class Stripe: Sendable {
        let state = Mutex(State())
        let queue = HandOverQueue()
    }

    private let stripes = (0..<16).map { _ in Stripe() }
    private let budget: MemoryBudget
    private let clock: @Sendable () -> UInt64

    init(maximumBytes: Int = InProcessMailboxes.maximumBytes, clock: @escaping @Sendable () -> UInt64) {
        budget = MemoryBudget(maximumBytes)
        self.clock = clock
    }

    var queues: [HandOverQueue] { stripes.map(\.queue) }

    private func stripe(of client: ClientID) -> Stripe {
        stripes[Int(UInt(bitPattern: client.hashValue) % UInt(stripes.count))]
    }

    func enqueue(
        _ push: BusPush, limits: MailboxLimits, publish: @escaping Publish,
        completion: @escaping @Sendable (Result<Enqueued, BusError>) -> Void
    ) {
        guard case .client(let client) = push.target, push.durable != nil else {
            return completion(.failure(.unavailable("only a durable push to one client can be put into a mailbox")))
        }
        let stripe = stripe(of: client)
        guard !stripe.queue.isFull else { return completion(.failure(.overloaded)) }
        let refusal = stripe.state.withLock { state -> Enqueued? in
            let now = clock()
            state.makeRoom()
            state.boxes[client]?.expire(now: now, budget: budget)
            let (outcome, kept) = state.boxes[client, default: InProcessMailbox()].enqueue(
                push, limits: limits, budget: budget, nextOffset: { state.offsets.next(now: now) })
            guard let kept, case .stored(let place, _, let collapsed, let displaced, let size) = outcome else {
                return outcome
            }
            stripe.queue.add {
                let nodes = publish(kept, client)
                completion(
                    .success(.stored(place, nodes: nodes, collapsed: collapsed, displaced: displaced, size: size)))
            }
            return nil
        }
        if let refusal { completion(.success(refusal)) } else { stripe.queue.run() }
    }

    func mail(of client: ClientID, after offset: StreamOffset?, limit: Int, bytes: Int) -> MailPage {
        change(client) { box in
            let expired = box.takeExpired(budget: budget).map {
                ExpiredPush(id: $0.id, client: client, trace: $0.trace)
            }
            let (pushes, hasMore) = box.page(after: offset, limit: limit, bytes: bytes)
            return MailPage(pushes: pushes, expired: expired, hasMore: hasMore)
        } ?? MailPage(pushes: [], expired: [], hasMore: false)
    }

    /// What is acked counts as such even when its time was just up.
    func acknowledge(_ client: ClientID, upTo offset: StreamOffset) -> [AckedPush] {
        change(client, expiring: false) { $0.acknowledge(upTo: offset, budget: budget) } ?? []
    }

    func size(of client: ClientID) -> MailboxSize {
        change(client) { $0.size } ?? MailboxSize(pushes: 0, bytes: 0)
    }

    func hasMail(_ client: ClientID) -> Bool { change(client) { $0.hasMail } ?? false }

    func cancel(_ push: PushID, for client: ClientID) -> Bool {
        change(client) { $0.cancel(push, budget: budget) } ?? false
    }

    func empty(_ client: ClientID) -> [PushID] { change(client) { $0.removeAll(budget: budget) } ?? [] }

    func expire() -> [ExpiredPush] {
        let now = clock()
        return stripes.flatMap { stripe in
            stripe.state.withLock { state in
                var found: [ExpiredPush] = []
                for (client, box) in state.boxes where box.isDue(now) {
                    state.boxes[client]?.expire(now: now, budget: budget)
                    let expired = state.boxes[client]?.takeExpired(budget: budget) ?? []
                    found += expired.map { ExpiredPush(id: $0.id, client: client, trace: $0.trace) }
                }
                return found
            }
        }
    }

    /// - Returns: nil when the client has no mailbox.
    private func change<Result>(
        _ client: ClientID, expiring: Bool = true, _ body: (inout InProcessMailbox) -> Result
    ) -> Result? {
        stripe(of: client).state.withLock { state in
            if expiring { state.boxes[client]?.expire(now: clock(), budget: budget) }
            guard let index = state.boxes.index(forKey: client) else { return nil }
            return body(&state.boxes.values[index])
        }
    }
}

extension InProcessMailboxes.State {
    /// Forgets empty mailboxes when there are many. That leaves no trace but ``BusPush/Place/previous`` of the next push, which
    /// is zero again: nothing was before it that anybody can have missed.
    fileprivate mutating func makeRoom() {
        guard boxes.count >= sweepAt else { return }
        boxes = boxes.filter { !$0.value.isEmpty }
        sweepAt = max(InProcessMailboxes.keptEmpty, 2 * boxes.count)
    }
}
