import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import SwitchboardCore
import SwitchboardProtocol

/// The HTTP client of the webhooks, on a thread of its own, so that it never gets in the way of the sessions.
final class WebhookClient: Sendable {
    /// What is read of an answer.
    private static let answerLimit = 64 * 1024

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let http: HTTPClient
    private let secrets: [WebhookSecret]

    init(secrets: [WebhookSecret]) {
        self.secrets = secrets
        var configuration = HTTPClient.Configuration()
        // A redirection is the backend's mistake: the secret's owner is whom the operator named.
        configuration.redirectConfiguration = .disallow
        configuration.connectionPool.retryConnectionEstablishment = false
        // Nothing waits for a connection: that would count into the time within which the backend has to answer.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit =
            ConnectingDesk.places + WebhookLane.count
        configuration.connectionPool.idleTimeout = .seconds(30)
        http = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    func shutdown() async {
        try? await http.shutdown()
        try? await group.shutdownGracefully()
    }

    func post(_ request: WebhookRequest) async -> WebhookAnswer {
        // The deadline of the client itself does not cover the body.
        await withTaskGroup(of: WebhookAnswer?.self) { tasks in
            tasks.addTask { await self.send(request) }
            tasks.addTask {
                // A sleep that is cancelled has nothing to say.
                do { try await Task.sleep(for: .seconds(request.timeout)) } catch { return nil }
                return .nothing("no answer in time")
            }
            var answer: WebhookAnswer?
            while answer == nil, let next = await tasks.next() { answer = next }
            tasks.cancelAll()
            return answer ?? .nothing("no answer in time")
        }
    }

    private func send(_ request: WebhookRequest) async -> WebhookAnswer {
        var message = HTTPClientRequest(url: request.url)
        message.method = .POST
        message.headers.add(name: "Content-Type", value: request.contentType)
        message.headers.add(name: "User-Agent", value: "switchboard/\(SwitchboardVersion.current)")
        sign(&message, request.body)
        message.body = .bytes(request.body)
        do {
            let response = try await http.execute(message, timeout: .milliseconds(Int64(request.timeout * 1000)))
            let body = try await Self.body(of: response)
            let now = Double(WallClock.milliseconds()) / 1000
            let retryAfter = response.headers.first(name: "Retry-After").flatMap { RetryAfter.seconds($0, now: now) }
            return .status(Int(response.status.code), retryAfter: retryAfter, body: body)
        } catch {
            return .nothing(HTTPFault.words(error))
        }
    }

    private static func body(of response: HTTPClientResponse) async throws -> ByteBuffer? {
        do { return try await response.body.collect(upTo: answerLimit) } catch is NIOTooManyBytesError { return nil }
    }

    private func sign(_ message: inout HTTPClientRequest, _ body: ByteBuffer) {
        let id = WebhookSecret.messageID(of: body)
        let timestamp = WallClock.milliseconds() / 1000
        message.headers.add(name: "webhook-id", value: id)
        message.headers.add(name: "webhook-timestamp", value: "\(timestamp)")
        guard !secrets.isEmpty else { return }
        let signatures = secrets.map { $0.signature(id: id, timestamp: timestamp, body: body) }
        message.headers.add(name: "webhook-signature", value: signatures.joined(separator: " "))
    }
}
