import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOSSL
import SwitchboardProtocol
import SwitchboardTLS

/// Asks the HTTP API.
struct APIClient {
    /// A larger answer is refused.
    private static let answerLimit = 64 << 20

    let base: String
    /// The same for people, without what may be a secret.
    let name: String
    /// nil trusts whom the system trusts.
    private let tls: TLSConfiguration?
    private let key: APIKeyText?
    /// The PEM file with the certificates to trust; nil trusts whom the system trusts.
    let ca: String?

    /// Lives as long as the command. A person at a terminal wants to hear at once that nobody listens, so a failed
    /// connection is not tried again behind their back.
    static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.timeout.connect = .seconds(10)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// - Parameters:
    ///   - key: For the header `Authorization`; nil says nothing.
    ///   - ca: A PEM file with the certificates to trust.
    init(url: String?, key: APIKeyText?, ca: String? = nil) throws(Failure) {
        self.key = key
        self.ca = ca
        let text = url ?? "http://127.0.0.1:8080"
        guard var parts = URLComponents(string: text), let scheme = parts.scheme, ["http", "https"].contains(scheme),
            parts.host?.isEmpty == false
        else {
            // One with a password or a query may be a secret.
            let shown = text.contains { "@?#".contains($0) } ? "the URL" : "'\(text)'"
            throw Failure("\(shown) is not a URL like http://host:port")
        }
        // Paths are put behind it, so it ends with its own.
        (parts.query, parts.fragment) = (nil, nil)
        while parts.path.hasSuffix("/") { parts.path.removeLast() }
        base = parts.string ?? text
        (parts.user, parts.password) = (nil, nil)
        name = parts.string ?? "the server"
        guard let ca, scheme == "https" else {
            tls = nil
            return
        }
        do throws(PEMFile.Fault) { try PEMFile.checkTrustRoots(ca) } catch { throw Failure("\(error)") }
        var trusting = TLSConfiguration.makeClientConfiguration()
        trusting.trustRoots = .file(ca)
        tls = trusting
    }

    func get(_ path: String, query: [(String, String)] = []) async throws -> ByteBuffer {
        try await ask(.GET, path, query: query)
    }

    /// - Parameter prefer: For the header `Prefer` (RFC 7240).
    func post(_ path: String, json: ByteBuffer, prefer: String? = nil) async throws -> ByteBuffer {
        try await ask(.POST, path, body: json, prefer: prefer)
    }

    @discardableResult
    func delete(_ path: String, query: [(String, String)] = []) async throws -> ByteBuffer {
        try await ask(.DELETE, path, query: query)
    }

    /// - Throws: ``Failure`` with one line for a person, also for a problem document (RFC 9457).
    private func ask(
        _ method: HTTPMethod, _ path: String, query: [(String, String)] = [], body: ByteBuffer? = nil,
        prefer: String? = nil
    ) async throws -> ByteBuffer {
        var request = self.request(path, query: query)
        request.method = method
        introduce(&request)
        request.headers.add(name: "Accept", value: "application/json")
        if let prefer { request.headers.add(name: "Prefer", value: prefer) }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(body)
        }
        let response: HTTPClientResponse
        let answer: ByteBuffer
        do {
            response = try await Self.http.execute(request, timeout: .seconds(90))
            answer = try await response.body.collect(upTo: Self.answerLimit)
        } catch { throw Failure(connecting: name, error) }
        guard (200...299).contains(response.status.code) else { throw Failure(response.status, answer) }
        return answer
    }

    func request(_ path: String, query: [(String, String)] = []) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: base + path + Self.encoded(query))
        request.tlsConfiguration = tls
        return request
    }

    /// Says who asks.
    func introduce(_ request: inout HTTPClientRequest) {
        if let key { request.headers.add(name: "Authorization", value: key.authorization) }
    }

    /// The same for a WebSocket.
    var headers: HTTPHeaders { key.map { ["Authorization": $0.authorization] } ?? [:] }

    static func encoded(_ query: [(String, String)]) -> String {
        guard !query.isEmpty else { return "" }
        return "?" + query.map { "\(encoded($0.0))=\(encoded($0.1))" }.joined(separator: "&")
    }

    private static func encoded(_ text: String) -> String {
        let unreserved = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~".utf8)
        return text.utf8.map { byte in
            if unreserved.contains(byte) { return String(Unicode.Scalar(byte)) }
            let digits = String(byte, radix: 16, uppercase: true)
            return digits.count == 1 ? "%0" + digits : "%" + digits
        }.joined()
    }
}
