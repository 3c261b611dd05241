import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// Answers pushes, for both ways in.
struct PushEndpoint: Sendable {
    let node: Node

    /// The answer to a push: a status and JSON, or a problem.
    typealias Answer = Result<(status: Int, body: ByteBuffer), Problem>

    /// - Parameters:
    ///   - principal: Who asks, and may.
    ///   - completion: Called once, on any thread.
    func handle(
        _ request: PushRequest, of principal: Principal, completion: @escaping @Sendable (Answer) -> Void
    ) {
        if let wait = node.delivery.throttle(principal) { return completion(.failure(.rateLimited(retryAfter: wait))) }
        let order: PushOrder
        do throws(Problem) { order = try request.accepted() } catch { return completion(.failure(error)) }
        carryOut(order, of: request, note: node.recentPushes.begin(order, of: principal), completion: completion)
    }

    /// Without regard to the rate.
    ///
    /// - Parameter note: nil when the push is not to be among the node's newest.
    func carryOut(
        _ order: PushOrder, of request: PushRequest, note: RecentPushes.Note? = nil,
        completion: @escaping @Sendable (Answer) -> Void
    ) {
        guard let key = request.key(order) else { return push(order, note, completion: completion) }
        once(key, request.fingerprint, order, note, completion: completion)
    }

    /// Without regard to repetitions.
    private func push(
        _ order: PushOrder, _ note: RecentPushes.Note?, completion: @escaping @Sendable (Answer) -> Void
    ) {
        guard node.settlement.isSettled else {
            node.delivery.refused(order)
            return completion(.failure(.busUnavailable("the nodes are finding together again")))
        }
        // The closure lives as long as the push is under way, so it takes no more of the order along than it needs.
        var needed: ClientID?
        if order.options.failsOffline, case .client(let client) = order.target { needed = client }
        node.delivery.push(order) { [node, needed, note] id, result in
            if node.isVerbose { node.log(id, result) }
            switch result {
            case .success(let report):
                if let note { node.recentPushes.add(note, id, report.counts) }
                completion(Self.answer(id, report, needed))
            case .failure(.bus(let error)): completion(.failure(Problem(error)))
            case .failure(.mailboxFull(let size)):
                completion(.failure(.mailboxFull(size, limits: node.configuration.keeping.mailbox)))
            }
        }
    }

    /// A repetition gets the first answer, and nothing is pushed.
    private func once(
        _ key: String, _ fingerprint: UInt64, _ order: PushOrder, _ note: RecentPushes.Note?,
        completion: @escaping @Sendable (Answer) -> Void
    ) {
        let idempotency = node.idempotency
        var order = order
        // Should a repetition be carried out after all, since nobody could tell whether the first was, clients drop it by its id.
        order.options.id = order.options.id ?? Fingerprint.pushID(ofKey: key)
        let patience = (order.options.wait ?? 0) + Double(Delivery.receiptTimeout) / 1000 + 1
        idempotency.claim(key, fingerprint: fingerprint, patience: patience) { [order] found in
            switch found {
            case .success(.first):
                push(order, note) { answer in
                    switch answer {
                    case .success(let given):
                        idempotency.settle(key, given, fingerprint: fingerprint) { completion(answer) }
                    case .failure:
                        idempotency.release(key)
                        completion(answer)
                    }
                }
            case .success(.answered(let status, let body)): completion(.success((status, body)))
            case .success(.pending): completion(.failure(.pushInProgress))
            case .success(.other): completion(.failure(.idempotencyConflict))
            case .failure(let error): completion(.failure(Problem(error)))
            }
        }
    }

    /// - Parameter needed: The client without whom the push is a failure.
    private static func answer(_ id: PushID, _ report: PushReport, _ needed: ClientID?) -> Answer {
        if let needed, report.isFinal, report.counts.matched == 0 { return .failure(.clientOffline(needed)) }
        // What waits in a mailbox is still to come.
        return .success((report.isFinal && report.counts.queued == 0 ? 200 : 202, body(id, report.counts)))
    }

    private static func body(_ id: PushID, _ counts: PushCounts) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(160)
        // Written in few pieces, since every push is answered with it; an identifier needs no escapes.
        buffer.writeStaticString("{\"id\":\"")
        buffer.writeString(id.rawValue)
        buffer.writeStaticString("\",\"matched\":")
        buffer.writeDecimal(counts.matched)
        buffer.writeStaticString(",\"delivered\":")
        buffer.writeDecimal(counts.delivered)
        buffer.writeStaticString(",\"acked\":")
        buffer.writeDecimal(counts.acked)
        buffer.writeStaticString(",\"queued\":")
        buffer.writeDecimal(counts.queued)
        buffer.writeStaticString(",\"offline\":")
        buffer.writeDecimal(counts.offline)
        buffer.writeStaticString(",\"dropped\":")
        buffer.writeDecimal(counts.dropped)
        buffer.writeStaticString(",\"nodes\":")
        buffer.writeDecimal(counts.nodes)
        buffer.writeStaticString("}")
        return buffer
    }
}
