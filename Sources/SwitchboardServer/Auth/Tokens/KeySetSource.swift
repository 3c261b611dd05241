import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOHTTP1
import SwitchboardProtocol

/// Where a set of keys comes from.
enum KeySetSource: Hashable, Sendable {
    case file(String)
    case url(String)

    /// The most bytes of a set.
    static let limit = 256 << 10

    /// - Returns: nil for an empty text, a URL without a host, and one that is not of the web.
    init?(_ text: String) {
        let isURL = ["http://", "https://"].contains { text.lowercased().hasPrefix($0) }
        guard isURL else {
            guard !text.isEmpty, !text.contains("://") else { return nil }
            self = .file(text)
            return
        }
        guard URLComponents(string: text)?.host?.isEmpty == false else { return nil }
        self = .url(text)
    }

    /// A secret in a file is one.
    var allowsSecrets: Bool {
        switch self {
        case .file: true
        case .url: false
        }
    }

    /// Whether somebody on the way could put other keys in their place.
    var isOpenToOthers: Bool {
        guard case .url(let url) = self, let parts = URLComponents(string: url), let host = parts.host else {
            return false
        }
        let isLoopback = host == "localhost" || AddressRange.loopback.contains { $0.contains(host) }
        return parts.scheme?.lowercased() == "http" && !isLoopback
    }
}

/// Gets the text of a set of keys.
typealias KeySetLoader = @Sendable () async throws(TokenKey.Fault) -> ByteBuffer

extension KeySetSource {
    /// Seconds that a fetch may take.
    private static let timeout = 5

    /// The client for ``loader(_:)``; whoever makes it shuts it down.
    static func client(on group: any EventLoopGroup) -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    /// - Parameter http: For a URL; without redirections, which would let somebody else answer.
    func loader(_ http: HTTPClient) -> KeySetLoader {
        switch self {
        case .file(let path):
            { () async throws(TokenKey.Fault) in
                do throws(ServerConfiguration.Problem) {
                    return ByteBuffer(bytes: try SmallFile.read(path, limit: Self.limit))
                } catch { throw TokenKey.Fault("\(error)") }
            }
        case .url(let url):
            { () async throws(TokenKey.Fault) in
                do { return try await Self.fetch(url, http) } catch let fault as TokenKey.Fault { throw fault } catch {
                    throw TokenKey.Fault(HTTPFault.words(error))
                }
            }
        }
    }

    private static func fetch(_ url: String, _ http: HTTPClient) async throws -> ByteBuffer {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "Accept", value: "application/jwk-set+json, application/json")
        request.headers.add(name: "User-Agent", value: "switchboard/\(SwitchboardVersion.current)")
        let question = request
        // The deadline of the client itself does not cover the body.
        return try await withThrowingTaskGroup(of: ByteBuffer.self) { tasks in
            tasks.addTask {
                let response = try await http.execute(question, timeout: .seconds(Int64(timeout)))
                guard response.status == .ok else { throw TokenKey.Fault("HTTP \(response.status.code)") }
                do { return try await response.body.collect(upTo: limit) } catch is NIOTooManyBytesError {
                    throw TokenKey.Fault("it has more than \(limit) bytes")
                }
            }
            tasks.addTask {
                try await Task.sleep(for: .seconds(timeout))
                throw TokenKey.Fault("no answer in time")
            }
            defer { tasks.cancelAll() }
            guard let answer = try await tasks.next() else { throw TokenKey.Fault("no answer in time") }
            return answer
        }
    }
}
