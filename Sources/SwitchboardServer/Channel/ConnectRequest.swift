import NIOCore
import NIOHTTP1
import SwitchboardCore
import SwitchboardProtocol

/// Who wants to connect, and how it will speak: the upgrade request, understood.
struct ConnectRequest: Sendable {
    let mode: ConnectionMode
    /// nil until a framed client has said it in `hello`, or for a client that does not care.
    var client: ClientID?
    var groups: [GroupName]
    var labels: [String: String]
    let address: String
    let userAgent: String?
    /// What the backend has given to the client; nil when it was not asked.
    var grant: Grant?
    /// Channel to offset: where the client wants to go on.
    var resume: [String: String] = [:]
    /// The client has promised a `hello`.
    private let saysHello: Bool

    /// Seconds for which the first frame of a framed client is awaited. Without a promise a client that is named in the URL
    /// hardly waits for its answer, while one that is not may yet name itself.
    var helloGrace: Double { saysHello ? 10 : client == nil ? 1 : 0.1 }

    /// What a backend gives to a client when it connects.
    struct Grant: Hashable, Sendable {
        var groups: [GroupName] = []
        var labels: [String: String] = [:]
    }

    mutating func take(_ grant: Grant) {
        self.grant = grant
        for group in grant.groups where !groups.contains(group) { groups.append(group) }
        labels.merge(grant.labels) { $1 }
    }

    static func generatedID() -> ClientID { ClientID(unchecked: "anon-" + SessionID.random().rawValue) }

    /// - Throws: the ``Problem`` to answer instead of upgrading.
    init(
        _ head: HTTPRequestHead, remote: SocketAddress?, configuration: ServerConfiguration
    ) throws(Problem) {
        mode = try Self.mode(offered: head.headers[canonicalForm: "sec-websocket-protocol"])
        guard head.headers["authorization"].isEmpty else { throw .notImplemented("authentication") }
        var client: ClientID?
        var groups: [GroupName] = []
        var labels: [String: String] = [:]
        var saysHello = false
        guard let query = URLQuery(ofTarget: head.uri) else { throw .invalidRequest("the query is not valid") }
        for (name, value) in query.items {
            switch name {
            case "clientId":
                guard let id = ClientID(rawValue: value), client == nil else { throw .invalidClientID }
                client = id
            case "group":
                guard let group = GroupName(rawValue: value) else { throw .invalidGroup }
                if !groups.contains(group) { groups.append(group) }
            case "hello": saysHello = value == "1"
            case "token": throw .notImplemented("authentication")
            default:
                guard name.hasPrefix("label."), name.count > 6 else { continue }
                labels[String(name.dropFirst(6))] = value
            }
        }
        guard configuration.maximumGroups == 0 || groups.count <= configuration.maximumGroups else {
            throw .tooManyGroups(configuration.maximumGroups)
        }
        guard labels.count <= Target.maximumLabels else {
            throw .invalidRequest("a client may have \(Target.maximumLabels) labels")
        }
        self.client = client
        self.groups = groups
        self.labels = labels
        self.saysHello = saysHello
        address = Self.address(remote, forwarded: head.headers["x-forwarded-for"], configuration.trustedProxies)
        userAgent = head.headers.first(name: "user-agent").map { String($0.prefix(256)) }
    }

    /// The client's first frame may name it, unless the URL has done so, label it, and say where it wants to go on.
    func adding(_ frame: ClientFrame) -> ConnectRequest {
        guard case .hello(let hello) = frame else { return self }
        var request = self
        request.client = client ?? hello.client
        request.resume = hello.resume
        for (name, value) in hello.labels
        where request.labels.count < Target.maximumLabels || request.labels[name] != nil {
            request.labels[name] = value
        }
        // What the backend said stands.
        if let grant { request.labels.merge(grant.labels) { $1 } }
        return request
    }

    private static func mode(offered: [Substring]) throws(Problem) -> ConnectionMode {
        guard !offered.isEmpty else { return .raw }
        guard offered.contains(where: { $0 == ConnectionMode.framedSubprotocol }) else { throw .unknownSubprotocol }
        return .framed
    }

    /// The address of the client: the last one in `X-Forwarded-For` that no trusted proxy added.
    private static func address(_ remote: SocketAddress?, forwarded: [String], _ trusted: [AddressRange]) -> String {
        guard let remote, let ip = remote.ipAddress else { return "unknown" }
        let own = remote.port.map { ip.contains(":") ? "[\(ip)]:\($0)" : "\(ip):\($0)" } ?? ip
        guard !forwarded.isEmpty, trusted.contains(where: { $0.contains(ip) }) else { return own }
        let hops = forwarded.joined(separator: ",").split(separator: ",").map { trimmed($0) }.filter { !$0.isEmpty }
        for hop in hops.reversed() where !trusted.contains(where: { $0.contains(hop) }) {
            return String(hop.prefix(64))
        }
        return hops.first ?? own
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
