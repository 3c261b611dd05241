import NIOCore
import NIOHTTP1
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardWebSocket

/// Who wants to connect, and how it will speak: the upgrade request, understood.
struct ConnectRequest: Sendable {
    let mode: ConnectionMode
    /// What was agreed on; nil without compression.
    let compression: DeflatePolicy.Answer?
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
    /// What it is too slow for is to be left out.
    var skips = false
    /// What the handshake shows, until it is known whose it is; see ``authenticate(on:mayShowLater:)``.
    var token: String?
    /// What a token has said; nil for a client without one.
    var tokenGrant: ClientGrant?
    /// The client is nobody until its `hello` brings a token.
    var awaitsToken = false
    /// The client has promised a `hello`.
    private let saysHello: Bool

    /// Seconds for which the first frame of a framed client is awaited. Without a promise a client that is named in the URL
    /// hardly waits for its answer, while one that is not may yet name itself.
    var helloGrace: Double { saysHello || awaitsToken ? 10 : client == nil ? 1 : 0.1 }

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

    /// - Parameter remote: Who is connected, or for whom a trusted proxy is.
    /// - Throws: the ``Problem`` to answer instead of upgrading.
    init(
        _ head: HTTPRequestHead, remote: SocketAddress?, configuration: ServerConfiguration
    ) throws(Problem) {
        guard head.isMostlyASCII else { throw .invalidRequest("the head is to be ASCII") }
        mode = try Self.mode(offered: head.headers[canonicalForm: "sec-websocket-protocol"])
        compression = try Self.compression(head.headers["sec-websocket-extensions"], configuration)
        var shown = try Self.bearer(head.headers["authorization"])
        let isShownInHeader = shown != nil
        var client: ClientID?
        var groups: [GroupName] = []
        var labels: [String: String] = [:]
        var saysHello = false
        guard let query = URLQuery(ofTarget: head.uri) else { throw .invalidRequest("the query is not valid") }
        // A longer name is none that means something, and is not compared with those that do.
        for (name, value) in query.items where name.utf8.count <= 6 + Target.maximumLabelBytes.name + 1 {
            switch name {
            case "clientId":
                guard let id = ClientID(rawValue: value), client == nil else { throw .invalidClientID }
                client = id
            case "group":
                guard let group = GroupName(rawValue: value) else { throw .invalidGroup }
                if !groups.contains(group) { groups.append(group) }
            case "hello": saysHello = value == "1"
            case "token" where isShownInHeader: break
            case "token":
                guard shown == nil else { throw .invalidRequest("the token is given twice") }
                shown = value
            default:
                guard name.utf8.starts(with: "label.".utf8), name.utf8.count > 6 else { continue }
                guard labels.count <= Target.maximumLabels else { break }
                labels[String(name.dropFirst(6))] = value
            }
        }
        guard configuration.maximumGroups == 0 || groups.count <= configuration.maximumGroups else {
            throw .tooManyGroups(configuration.maximumGroups)
        }
        guard labels.count <= Target.maximumLabels, Target.areShort(labels) else {
            let (name, value) = Target.maximumLabelBytes
            throw .invalidRequest(
                "a client may have \(Target.maximumLabels) labels, with names of \(name) and values of \(value) bytes"
            ).counted(.labels)
        }
        self.client = client
        self.groups = groups
        self.labels = labels
        self.saysHello = saysHello
        token = shown
        address = ClientAddress.text(
            peer: remote, forwarded: head.headers["x-forwarded-for"], trusted: configuration.trustedProxies)
        userAgent = head.headers.first(name: "user-agent").map { $0.prefix(bytes: 256) }
    }

    /// The client's first frame may name it, unless the URL has done so, label it, and say where it wants to go on. Once the
    /// backend was asked about the client, its labels are what the backend has seen and given.
    func adding(_ frame: ClientFrame) -> ConnectRequest {
        guard case .hello(let hello) = frame else { return self }
        var request = self
        request.client = client ?? hello.client
        request.resume = hello.resume
        request.skips = hello.slow == .skip
        guard grant == nil else { return request }
        for (name, value) in hello.labels
        where request.labels.count < Target.maximumLabels || request.labels[name] != nil {
            request.labels[name] = value
        }
        return request
    }

    private static func mode(offered: [Substring]) throws(Problem) -> ConnectionMode {
        guard !offered.isEmpty else { return .raw }
        guard offered.contains(where: { $0 == ConnectionMode.framedSubprotocol }) else { throw .unknownSubprotocol }
        return .framed
    }

    /// A malformed list of extensions fails the handshake also where none is taken (RFC 6455 section 9.1).
    private static func compression(
        _ offers: [String], _ configuration: ServerConfiguration
    ) throws(Problem) -> DeflatePolicy.Answer? {
        guard !offers.isEmpty else { return nil }
        do throws(DeflateNegotiationError) {
            let answer = try DeflatePolicy().answer(to: offers)
            return configuration.compression ? answer : nil
        } catch { throw .invalidRequest(error.description) }
    }
}
