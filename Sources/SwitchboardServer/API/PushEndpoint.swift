import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// Answers pushes, for both ways in.
struct PushEndpoint: Sendable {
    let node: Node

    /// The answer to a push: a status and JSON, or a problem.
    typealias Answer = Result<(status: Int, body: ByteBuffer), Problem>

    /// - Parameter completion: Called once, on any thread.
    func handle(_ request: PushRequest, completion: @escaping @Sendable (Answer) -> Void) {
        let accepted: PushRequest.Accepted
        do throws(Problem) {
            if let wait = node.delivery.throttle() { throw .rateLimited(retryAfter: wait) }
            accepted = try request.accepted()
            guard node.settlement.isSettled else { throw .busUnavailable("the nodes are finding together again") }
        } catch {
            return completion(.failure(error))
        }
        node.delivery.push(accepted.payload, to: accepted.target) { id, result in
            completion(result.mapError { Problem($0) }.flatMap { Self.answer(id, $0, accepted) })
        }
    }

    private static func answer(_ id: PushID, _ report: PushReport, _ accepted: PushRequest.Accepted) -> Answer {
        if accepted.failsOffline, report.isFinal, report.counts.matched == 0, case .client(let client) = accepted.target
        {
            return .failure(.clientOffline(client))
        }
        return .success((report.isFinal ? 200 : 202, body(id, report.counts)))
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
