import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// A backend that sends durable pushes and commands by HTTP, repeats what failed under the same id, and tells the journal.
struct ChaosBackend: Sendable {
    let base: String
    let journal: ChaosJournal
    private let client: HTTPClient

    /// Seconds for which a push or command is repeated until it gets an answer that is none of trouble.
    static let patience = 25.0
    /// Seconds for one attempt, beside what the request itself asks the node to wait.
    static let attemptTime = 4.0

    init(port: Int, journal: ChaosJournal) {
        base = "http://127.0.0.1:\(port)"
        self.journal = journal
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        // Requests to a frozen node hold their connections: the others need some, too.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1024
        // Whether a request is sent again is for this backend to say.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func shutdown() async throws { try await client.shutdown() }

    /// How a push or command is sent.
    struct Style: Sendable {
        /// Sent again after trouble.
        var isPatient = true
        /// Asked for once more after success.
        var asksAgain = false
        /// Pushes: the seconds for which the answer waits for acks.
        var wait: Int?
    }

    // MARK: Pushes

    /// One durable push, until its answer is a success or patience is out.
    func push(_ id: String, to target: ChaosTarget, payload: String, style: Style) async {
        var headers: HTTPHeaders = [:]
        if let seconds = style.wait { headers.add(name: "Prefer", value: "wait=\(seconds)") }
        let json = #"{"to":\#(target.json),"data":\#(payload),"durable":true,"id":"\#(id)"}"#
        await attempts(style) {
            journal.note(.pushSent(id: id, to: target, payload: payload, waits: style.wait != nil))
            let answer = await post("/v1/push", json, headers, time: Self.attemptTime + Double(style.wait ?? 0))
            let reply = PushReply(
                status: answer?.status ?? 0, code: answer?.problem, answer: try? answer?.decode(PushAnswer.self))
            journal.note(.pushAnswered(id: id, reply))
            return reply.isSuccess
        }
    }

    // MARK: Commands

    private struct ResultDocument: Decodable {
        struct Content: Decodable { var run: String? }
        var status: Int
        var data: Content?
    }

    /// One command, until its answer tells of the client or patience is out.
    func command(
        _ id: String, to name: String, named command: String, timeout: Double, connectTimeout: Double, style: Style
    ) async {
        let json = """
            {"name":"\(command)","data":{"id":"\(id)"},"id":"\(id)","timeout":\(timeout),"connectTimeout":\(connectTimeout)}
            """
        await attempts(style) {
            journal.note(.commandSent(id: id, client: name, timeout: timeout, connectTimeout: connectTimeout))
            let answer = await post(
                "/v1/clients/\(name)/commands", json, [:], time: Self.attemptTime + timeout + connectTimeout)
            let document = answer?.status == 200 ? try? answer?.decode(ResultDocument.self) : nil
            let reply = CommandReply(
                status: answer?.status ?? 0, code: answer?.problem,
                result: document.map { CommandEnd(status: $0.status, run: $0.data?.run) })
            journal.note(.commandAnswered(id: id, reply))
            return reply.tellsOfClient
        }
    }

    // MARK: Attempts

    private func attempts(_ style: Style, _ attempt: () async -> Bool) async {
        let end = ContinuousClock.now + .seconds(Self.patience)
        while await !attempt() {
            guard style.isPatient, ContinuousClock.now < end, !Task.isCancelled else { return }
            // As `Retry-After` asks, in small.
            try? await Task.sleep(for: .milliseconds(Int.random(in: 100...600)))
        }
        if style.asksAgain { _ = await attempt() }
    }

    /// - Returns: nil when no whole answer came in time.
    private func post(_ path: String, _ json: String, _ headers: HTTPHeaders, time: Double) async -> API.Answer? {
        var request = HTTPClientRequest(url: base + path)
        request.method = .POST
        request.headers = headers
        request.headers.replaceOrAdd(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(string: json))
        do {
            let response = try await client.execute(request, timeout: .milliseconds(Int64(time * 1000)))
            return API.Answer(
                status: Int(response.status.code), headers: response.headers,
                body: try await response.body.collect(upTo: 1024 * 1024))
        } catch { return nil }
    }
}

extension ChaosTarget {
    /// As in the member `to`.
    fileprivate var json: String {
        switch self {
        case .client(let name): #"{"client":"\#(name)"}"#
        case .channel("all"): #"{"all":true}"#
        case .channel(let name): #"{"group":"\#(name.dropFirst("group:".count))"}"#
        }
    }
}
