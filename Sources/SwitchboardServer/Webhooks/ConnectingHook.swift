import Logging
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Asks a backend whether a client may connect, before the client is registered.
///
/// A success lets it in; its body may be a JSON object with `groups` and `labels` to give to the client. A status of 400-499
/// refuses the client with that status, and with the `reason` of a JSON object in the body. Anything else, or no answer in time,
/// leaves it to the configured default. Who comes while there is no place to ask is never left to that default, but sent away
/// for a moment: otherwise a client that is refused would get in by coming often enough.
final class ConnectingHook: Sendable {
    private let url: String
    private let timeout: Double
    private let standard: WebhookConfiguration.ConnectingDefault
    private let maximumGroups: Int
    private let writer: CloudEventWriter
    private let node: NodeID
    private let post: WebhookPoster
    private let logger: Logger
    private let desk = ConnectingDesk()
    private let lastComplaint = Atomic<UInt64>(0)

    init(
        url: String, timeout: Double, standard: WebhookConfiguration.ConnectingDefault, maximumGroups: Int,
        writer: CloudEventWriter, node: NodeID, post: @escaping WebhookPoster, logger: Logger
    ) {
        self.url = url
        self.timeout = timeout
        self.standard = standard
        self.maximumGroups = maximumGroups
        self.writer = writer
        self.node = node
        self.post = post
        self.logger = logger
    }

    /// - Returns: The request with what the backend gives to the client.
    /// - Throws: Why it may not connect.
    func admit(_ request: ConnectRequest) async throws(Problem) -> ConnectRequest {
        var request = request
        let client = request.client ?? ConnectRequest.generatedID()
        request.client = client
        request.grant = ConnectRequest.Grant()
        switch try await ask(request, as: client) {
        case .allowed(let grant):
            guard maximumGroups == 0 || Set(request.groups + grant.groups).count <= maximumGroups else {
                complain("more groups than a session may be in")
                return try byDefault(request)
            }
            request.take(grant)
            return request
        case .refused(let problem): throw problem
        case .unclear(let reason):
            complain(reason)
            return try byDefault(request)
        }
    }

    /// - Throws: when there is no place to ask.
    private func ask(_ request: ConnectRequest, as client: ClientID) async throws(Problem) -> ConnectingAnswer {
        let question = ConnectingDesk.Question(request, as: client)
        switch await desk.enter(question) {
        case .refused(let problem): return .refused(problem)
        case .full:
            throw Problem.overloaded(
                "too many clients are asked about", retryAfter: SessionUpgrader.retryAfter(atLeast: 1)
            ).counted(.underWay)
        case .ask: break
        }
        let document = writer.connecting(request, as: client, node: node, at: WallClock.milliseconds())
        let answer = ConnectingAnswer(await post(.single(document, to: url, timeout: timeout)))
        var refusal: Problem?
        if case .refused(let problem) = answer { refusal = problem }
        desk.leave(question, refused: refusal)
        return answer
    }

    private func byDefault(_ request: ConnectRequest) throws(Problem) -> ConnectRequest {
        guard standard == .refuse else { return request }
        throw .overloaded("who decides about clients does not answer", retryAfter: 5)
    }

    /// Once in ten seconds.
    private func complain(_ reason: String) {
        let now = MonotonicClock.nanoseconds()
        let last = lastComplaint.load(ordering: .relaxed)
        guard last == 0 || now - last > 10_000_000_000,
            lastComplaint.compareExchange(expected: last, desired: now, ordering: .relaxed).exchanged
        else { return }
        logger.warning(
            "the connecting hook gives no answer", metadata: ["reason": "\(reason)", "default": "\(standard)"])
    }
}
