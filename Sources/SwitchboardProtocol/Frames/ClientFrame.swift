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
    /// Enter a group; with `history` the newest of its durable pushes come first, with `watch` the node tells who is in it.
    case join(group: GroupName, history: Int? = nil, watch: Bool = false)
    case leave(group: GroupName)
    /// A push to a group, by this client; with `id` the server answers `ack`.
    case publish(id: String?, group: GroupName, payload: Payload, isDurable: Bool)
    case pong
    case token(String)
    /// What a terminal on the client's machine has for a viewer.
    case terminal(TerminalReport)
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
        /// What is to happen when it reads too slowly.
        public var slow: SlowPolicy

        public init(
            token: String? = nil, client: ClientID? = nil, labels: [String: String] = [:], version: String? = nil,
            resume: [String: String] = [:], slow: SlowPolicy = .close
        ) {
            self.slow = slow
            self.token = token
            self.client = client
            self.labels = labels
            self.version = version
            self.resume = resume
        }
    }

    /// What becomes of a client that reads too slowly.
    public enum SlowPolicy: String, Hashable, Sendable {
        /// It is closed with 4101.
        case close
        /// Pushes to groups and to all that find no room are left out, and it is told how many.
        case skip
    }

    /// The most pushes of a group's history that a `join` may ask for.
    public static let maximumHistory = 300
    /// Bytes a second that a session may have kept in histories, and so many at once.
    public static let keptBytesASecond = 64 << 10
    public static let keptBytesAtOnce = 4 << 20
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
            if hello.slow != .close { json.string("slow", hello.slow.rawValue) }
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
        case .join(let group, let history, let watch):
            json.string("type", "join")
            json.string("group", group.rawValue)
            if let history { json.integer("history", history) }
            if watch { json.boolean("watch", true) }
        case .leave(let group):
            json.string("type", "leave")
            json.string("group", group.rawValue)
        case .publish(let id, let group, let payload, let isDurable):
            json.string("type", "publish")
            if let id { json.string("id", id) }
            json.string("group", group.rawValue)
            if isDurable { json.boolean("durable", true) }
            json.payload(payload)
        case .pong: json.string("type", "pong")
        case .token(let token):
            json.string("type", "token")
            json.string("token", token)
        case .terminal(let report): report.write(to: &json)
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
                    resume: try reader.channels("resume"), slow: try reader.slowPolicy()))
        case "ack":
            if let id = try reader.optionalKey("id") {
                self = .received(id: id)
            } else {
                self = .ack(offset: try reader.string("offset"))
            }
        case "message":
            self = .message(id: try reader.messageID(), payload: try reader.payload())
        case "result":
            guard let status = Int(exactly: try reader.number("status")) else {
                throw FrameError.invalidField("status")
            }
            self = .result(id: try reader.key("id"), status: status, payload: try reader.optionalPayload())
        case "output": self = .output(id: try reader.key("id"), payload: try reader.payload())
        case "health": self = .health(data: try reader.objectBytes("data"))
        case "join":
            let history = try reader.optionalInteger("history")
            guard history.map((1...Self.maximumHistory).contains) ?? true else {
                throw FrameError.invalidField("history")
            }
            self = .join(
                group: try reader.group(), history: history, watch: try reader.optionalBoolean("watch") ?? false)
        case "leave": self = .leave(group: try reader.group())
        case "publish":
            self = .publish(
                id: try reader.messageID(), group: try reader.group(), payload: try reader.payload(),
                isDurable: try reader.optionalBoolean("durable") ?? false)
        case "pong": self = .pong
        case "token": self = .token(try reader.string("token"))
        case "terminal": self = .terminal(try TerminalReport(reader))
        default: self = .unknown(type: reader.type)
        }
    }
}

extension FrameReader {
    fileprivate func messageID() throws(FrameError) -> String? {
        let id = try optionalString("id")
        guard (id?.utf8.count ?? 0) <= ClientFrame.maximumMessageIDBytes else { throw FrameError.invalidField("id") }
        return id
    }

    fileprivate func slowPolicy() throws(FrameError) -> ClientFrame.SlowPolicy {
        guard let name = try optionalString("slow") else { return .close }
        guard let policy = ClientFrame.SlowPolicy(rawValue: name) else { throw FrameError.invalidField("slow") }
        return policy
    }
}
