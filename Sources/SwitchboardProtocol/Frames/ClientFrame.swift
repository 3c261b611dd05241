public import NIOCore

/// What a client sends on a framed (`switchboard.v1`) connection: one JSON object in a text frame.
public enum ClientFrame: Hashable, Sendable {
    case hello(Hello)
    /// All of the client's mailbox up to and including this offset was received.
    case ack(offset: String)
    /// This one push was received: for pushes that ask for it (``ServerFrame/Push/wantsAck``).
    case received(id: String)
    /// Upstream; with `id` the server answers `ack`.
    case message(id: String?, payload: Payload)
    /// The final answer to a command; `status` is an HTTP-like integer.
    case result(id: String, status: Int, payload: Payload?)
    /// A piece of a streamed answer, before `result`.
    case output(id: String, payload: Payload)
    /// The client's own health: a JSON object.
    case health(data: ByteBuffer)
    case join(group: GroupName)
    case leave(group: GroupName)
    case pong
    case token(String)
    /// A type that this version does not know; answered with `unknown_type`.
    case unknown(type: String)

    /// The optional first frame.
    public struct Hello: Hashable, Sendable {
        public var token: String?
        public var client: ClientID?
        public var labels: [String: String]
        public var version: String?
        /// Channel to the last offset seen.
        public var resume: [String: String]

        public init(
            token: String? = nil, client: ClientID? = nil, labels: [String: String] = [:], version: String? = nil,
            resume: [String: String] = [:]
        ) {
            self.token = token
            self.client = client
            self.labels = labels
            self.version = version
            self.resume = resume
        }
    }

    /// The largest `health` object in bytes.
    public static let maximumHealthBytes = 4096
    /// The longest `id` of a message in bytes: nodes remember it for a while.
    public static let maximumMessageIDBytes = 128
}

extension ClientFrame {
    /// Writes the frame's JSON text.
    public func write(into buffer: inout ByteBuffer) {
        var json = JSONObjectWriter(taking: &buffer)
        switch self {
        case .hello(let hello):
            json.string("type", "hello")
            if let token = hello.token { json.string("token", token) }
            if let client = hello.client { json.string("clientId", client.rawValue) }
            if !hello.labels.isEmpty { json.strings("labels", hello.labels) }
            if let version = hello.version { json.string("version", version) }
            if !hello.resume.isEmpty { json.strings("resume", hello.resume) }
        case .ack(let offset):
            json.string("type", "ack")
            json.string("offset", offset)
        case .received(let id):
            json.string("type", "ack")
            json.string("id", id)
        case .message(let id, let payload):
            json.string("type", "message")
            if let id { json.string("id", id) }
            json.payload(payload)
        case .result(let id, let status, let payload):
            json.string("type", "result")
            json.string("id", id)
            json.literal("status", "\(status)")
            if let payload { json.payload(payload) }
        case .output(let id, let payload):
            json.string("type", "output")
            json.string("id", id)
            json.payload(payload)
        case .health(let data):
            json.string("type", "health")
            json.verbatim("data", data)
        case .join(let group):
            json.string("type", "join")
            json.string("group", group.rawValue)
        case .leave(let group):
            json.string("type", "leave")
            json.string("group", group.rawValue)
        case .pong: json.string("type", "pong")
        case .token(let token):
            json.string("type", "token")
            json.string("token", token)
        case .unknown(let type): json.string("type", type)
        }
        buffer = json.finish()
    }

    /// Reads a frame.
    ///
    /// - Throws: ``FrameError`` when the text is not a JSON object, or a known type lacks what it must have.
    public init(parsing text: ByteBuffer) throws(FrameError) {
        let reader = try FrameReader(text)
        switch reader.type {
        case "hello":
            var client: ClientID?
            if let name = try reader.optionalString("clientId") {
                guard let valid = ClientID(rawValue: name) else { throw FrameError.invalidField("clientId") }
                client = valid
            }
            let labels = try reader.optionalStrings("labels", limit: Target.maximumLabels) ?? [:]
            guard Target.areShort(labels) else { throw FrameError.invalidField("labels") }
            self = .hello(
                Hello(
                    token: try reader.optionalString("token"), client: client, labels: labels,
                    version: try reader.optionalString("version"),
                    resume: try reader.channels("resume")))
        case "ack":
            if let id = try reader.optionalKey("id") {
                self = .received(id: id)
            } else {
                self = .ack(offset: try reader.string("offset"))
            }
        case "message":
            let id = try reader.optionalString("id")
            guard (id?.utf8.count ?? 0) <= Self.maximumMessageIDBytes else { throw FrameError.invalidField("id") }
            self = .message(id: id, payload: try reader.payload())
        case "result":
            guard let status = Int(exactly: try reader.number("status")) else {
                throw FrameError.invalidField("status")
            }
            self = .result(id: try reader.key("id"), status: status, payload: try reader.optionalPayload())
        case "output": self = .output(id: try reader.key("id"), payload: try reader.payload())
        case "health": self = .health(data: try reader.objectBytes("data"))
        case "join": self = .join(group: try reader.group())
        case "leave": self = .leave(group: try reader.group())
        case "pong": self = .pong
        case "token": self = .token(try reader.string("token"))
        default: self = .unknown(type: reader.type)
        }
    }
}
