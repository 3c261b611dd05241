import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// The routes that push. They exist twice, below the HTTP framework and in it, with this one meaning.
enum PushRoute: Hashable, Sendable {
    /// `POST /v1/push`
    case push
    /// `POST /v1/clients/{id}/push`
    case client(String)
    /// `POST /v1/groups/{name}/push`
    case group(String)
    /// `POST /v1/broadcast`
    case broadcast
}

/// A push as it came over HTTP, whichever way; ``accepted()`` says what is wrong with it.
struct PushRequest: Sendable {
    let route: PushRoute
    /// Behind the `?`.
    let query: String
    let contentType: String?
    let body: ByteBuffer
    private let rarities: Rarities?

    /// What few requests have, apart, so that the many without are small to copy.
    final class Rarities: Sendable {
        let prefer: String?
        let idempotencyKey: String?
        let trace: TraceContext?

        init(_ prefer: String?, _ idempotencyKey: String?, _ trace: TraceContext?) {
            self.prefer = prefer
            self.idempotencyKey = idempotencyKey
            self.trace = trace
        }

        static func of(_ prefer: String?, _ idempotencyKey: String?, _ trace: TraceContext?) -> Rarities? {
            prefer == nil && idempotencyKey == nil && trace == nil ? nil : Rarities(prefer, idempotencyKey, trace)
        }
    }

    var prefer: String? { rarities?.prefer }
    var idempotencyKey: String? { rarities?.idempotencyKey }
    var trace: TraceContext? { rarities?.trace }

    init(route: PushRoute, query: String, contentType: String?, rarities: Rarities?, body: ByteBuffer) {
        self.route = route
        self.query = query
        self.contentType = contentType
        self.rarities = rarities
        self.body = body
    }

    init(
        route: PushRoute, query: String = "", contentType: String? = nil, prefer: String? = nil,
        idempotencyKey: String? = nil, trace: TraceContext? = nil, body: ByteBuffer
    ) {
        self.init(
            route: route, query: query, contentType: contentType, rarities: .of(prefer, idempotencyKey, trace),
            body: body)
    }

    /// - Throws: the ``Problem`` that is its answer.
    func accepted() throws(Problem) -> PushOrder {
        var order = try self.order()
        order.trace = trace
        if let prefer { order.options.wait = try Preference.wait(prefer) }
        if let idempotencyKey {
            // Nothing else comes over a header as it was sent, and two keys must not become one.
            guard (1...Self.maximumKeyLength).contains(idempotencyKey.utf8.count),
                idempotencyKey.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else {
                throw .invalidRequest(
                    "an Idempotency-Key has 1-\(Self.maximumKeyLength) characters of ASCII, without spaces")
            }
            guard order.options.id == nil else { throw .invalidRequest("either 'id' or Idempotency-Key, not both") }
        }
        return order
    }

    /// The longest `Idempotency-Key` in bytes.
    private static let maximumKeyLength = 255

    /// Under what the first answer is remembered; nil when a repetition is a request of its own.
    func key(_ order: PushOrder) -> String? { idempotencyKey ?? order.options.id?.rawValue }

    /// The same for the same request only.
    var fingerprint: UInt64 {
        var fingerprint = Fingerprint()
        fingerprint.add("\(route)")
        fingerprint.add(query)
        // The body says what it is, whatever this says.
        if route != .push { fingerprint.add(contentType ?? "") }
        fingerprint.add(body)
        return fingerprint.value
    }

    private func order() throws(Problem) -> PushOrder {
        switch route {
        case .push:
            guard query.isEmpty else { throw .invalidRequest("options go into the body") }
            return try PushDocument.read(body)
        case .client(let id):
            guard let client = ClientID(rawValue: id) else { throw .invalidClientID }
            return try verbatim(to: .client(client))
        case .group(let name):
            guard let group = GroupName(rawValue: name) else { throw .invalidGroup }
            return try verbatim(to: .group(group))
        case .broadcast: return try verbatim(to: .all)
        }
    }

    /// The body is the payload: text for `text/*` and `application/json`, else binary.
    private func verbatim(to target: Target) throws(Problem) -> PushOrder {
        let options = try self.options(target)
        let format = self.format
        switch format {
        case .json:
            do throws(JSONError) { try JSONDocument.validate(body) } catch { throw .malformedJSON(error) }
        case .text:
            guard UTF8Text.isValid(body) else { throw .invalidPayload("the text is not valid UTF-8") }
        case .binary: break
        }
        return PushOrder(target: target, payload: Payload(format: format, bytes: body), options: options)
    }

    private var format: Payload.Format {
        guard let contentType else { return .binary }
        // Asked first and as a whole: these two spellings are nearly all there is, and to walk over characters is
        // dear.
        if contentType == "text/plain" { return .text }
        if contentType == "application/json" { return .json }
        let type = contentType.prefix { $0 != ";" && $0 != " " }
        let lowered = type.lowercased()
        if lowered == "application/json" { return .json }
        return lowered.hasPrefix("text/") ? .text : .binary
    }

    private func options(_ target: Target) throws(Problem) -> PushOrder.Options {
        guard !query.isEmpty else { return PushOrder.Options() }
        let query = try URLQuery.checked(query)
        var options = PushOptionsReader()
        for (name, value) in query.items {
            switch name {
            case "offline": options.offline = value
            case "durable":
                guard value == "true" || value == "false" else {
                    throw .invalidRequest("'durable' must be true or false")
                }
                options.isDurable = value == "true"
            case "ttl": options.timeToLive = .some(Double(value))
            case "collapse": options.collapse = value
            case "id": options.id = value
            default: throw .invalidRequest("unknown option '\(name.prefix(bytes: 64))'")
            }
        }
        return try options.checked(for: target)
    }
}
