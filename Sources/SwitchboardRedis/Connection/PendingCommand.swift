import NIOCore
import SwitchboardCore

/// A command that was sent and waits for its reply.
struct PendingCommand: Sendable {
    /// What is done with the reply. The two that every push needs have cases of their own, so that they need no closure
    /// around the caller's completion.
    enum Consumer: Sendable {
        case nobody
        /// The number of receivers of a `PUBLISH`.
        case receivers(@Sendable (Result<Int, BusError>) -> Void)
        case route(RouteCall)
        /// An error reply is a failure.
        case reply(@Sendable (Result<RESPReply, BusError>) -> Void)
        /// An error reply is a reply like any other.
        case raw(@Sendable (Result<RESPReply, BusError>) -> Void)
        /// One of a batch, and which; an error reply is a reply like any other.
        case batch(ReplyBatch, Int)
        /// In a Redis Cluster: may have to go elsewhere first.
        case routed(RoutedCommand)
        /// To be completed when replicas have what was written.
        case kept(KeptCommand)
    }

    var consumer: Consumer
    /// What it took to say it; counted against the limit until the reply is there.
    var bytes: Int
}

/// A targeted push on its way through the routing script, kept until Redis has answered in case the script must be sent again.
struct RouteCall: Sendable {
    let bus: RedisBus
    var message: ByteBuffer
    var client: String
    /// True when the script itself was sent, not its digest.
    var isRepeated: Bool
    var completion: @Sendable (Result<RouteOutcome, BusError>) -> Void
}

extension PendingCommand {
    func complete(_ reply: RESPReply) {
        switch consumer {
        case .nobody: break
        case .reply(let completion):
            if case .error(let text) = reply { return completion(.failure(BusError(reply: text))) }
            completion(.success(reply))
        case .raw(let completion): completion(.success(reply))
        case .batch(let batch, let index): batch.add(reply, at: index)
        case .routed(let command): command.complete(reply)
        case .kept(let command): command.complete(reply)
        case .receivers(let completion): completion(reply.count)
        case .route(let call):
            if case .error(let text) = reply, text.hasPrefix("NOSCRIPT"), !call.isRepeated {
                return call.bus.repeatRoute(call)
            }
            // Whoever else listens on the node's channel was counted too, but only the node answers.
            call.completion(reply.count.map { $0 > 0 ? .routed(nodes: 1) : .offline })
        }
    }

    func fail(_ error: BusError) {
        switch consumer {
        case .nobody: break
        case .reply(let completion), .raw(let completion): completion(.failure(error))
        case .batch(let batch, _): batch.fail(error)
        case .routed(let command): command.fail(error)
        case .kept(let command): command.fail(error)
        case .receivers(let completion): completion(.failure(error))
        case .route(let call): call.completion(.failure(error))
        }
    }
}

extension RESPReply {
    fileprivate var count: Result<Int, BusError> {
        switch self {
        case .integer(let value): .success(value)
        case .error(let text): .failure(BusError(reply: text))
        default: .failure(.unavailable("Redis answered with something else than a number"))
        }
    }
}

extension BusError {
    /// An error reply, such as `OOM command not allowed when used memory > 'maxmemory'.` Callers see this error, so of the text,
    /// which may name keys and scripts, it has the first word only, the kind of the error.
    init(reply text: String) {
        let kind = text.utf8.prefix { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
        self = .unavailable(
            kind.isEmpty ? "Redis refused a command" : "Redis refused a command: \(Substring(kind.prefix(20)))")
    }
}
