public import NIOCore

/// What a node sends on a framed (`switchboard.v1`) connection: one JSON object in a text frame.
public enum ServerFrame: Hashable, Sendable {
    case hello(Hello)
    case push(Push)
    case command(Command)
    /// The caller of this command gave up.
    case cancel(id: String)
    /// The upstream message with this `id` has been accepted.
    case ack(ref: String)
    case ping
    /// Finish, then reconnect after that many seconds.
    case goaway(reason: String, reconnectAfter: Double)
    /// Who is in a group that the client watches; not all of them when it is not complete.
    case members(group: GroupName, [GroupMember], isComplete: Bool)
    /// Who came into a group that the client watches, and who has left it, since it was last told.
    case presence(group: GroupName, joined: [GroupMember], left: [ClientID])
    /// So many pushes to this channel were left out, since the client reads too slowly and has asked for that.
    case missed(channel: String, count: Int)
    /// Something that the client sent was refused; the session lives on.
    case error(code: String, message: String, ref: String?)
    /// What a viewer wants of a terminal on the client's machine.
    case terminal(TerminalOrder)
    /// A type that this version does not know; ignored.
    case unknown(type: String)

    /// The first frame of a session. The server sets the client's tuning.
    public struct Hello: Hashable, Sendable {
        public var client: ClientID
        public var session: SessionID
        /// Rises with every session of the client.
        public var epoch: UInt64
        public var node: NodeID
        /// Seconds.
        public var heartbeatInterval: Double
        /// Seconds.
        public var heartbeatTimeout: Double
        /// Seconds; the bounds of the client's back-off.
        public var reconnectMinimum: Double
        /// Seconds.
        public var reconnectMaximum: Double
        /// Every channel that the client named with an offset is recovered.
        public var recovered: Bool
        /// Where the channels stand that the client named in its `resume`.
        public var channels: [String: Channel]

        /// Where the history of a channel stands.
        public struct Channel: Hashable, Sendable {
            /// False when pushes were missed that are gone: the client must ask for its state elsewhere.
            public var recovered: Bool
            /// The newest offset of the history; what was missed up to it follows when it is recovered.
            public var offset: String

            public init(recovered: Bool, offset: String) {
                self.recovered = recovered
                self.offset = offset
            }
        }

        public init(
            client: ClientID, session: SessionID, epoch: UInt64, node: NodeID, heartbeatInterval: Double,
            heartbeatTimeout: Double, reconnectMinimum: Double = 1, reconnectMaximum: Double = 30,
            recovered: Bool = false, channels: [String: Channel] = [:]
        ) {
            self.client = client
            self.session = session
            self.epoch = epoch
            self.node = node
            self.heartbeatInterval = heartbeatInterval
            self.heartbeatTimeout = heartbeatTimeout
            self.reconnectMinimum = reconnectMinimum
            self.reconnectMaximum = reconnectMaximum
            self.recovered = recovered
            self.channels = channels
        }
    }

    /// What ``ack(ref:)`` and ``error(code:message:ref:)`` refer to when they are about a token, which has no id.
    public static let tokenReference = "token"

    /// The most bytes that a channel's name and an offset may have; a client remembers both.
    public static let maximumPlaceLength = 256

    public struct Push: Hashable, Sendable {
        /// A ``PushID``.
        public var id: String
        /// `client`, `group:NAME` or `all`.
        public var channel: String
        /// Format `json` or `binary`; text arrives as the JSON string it was framed in.
        public var payload: Payload
        /// The place in the client's mailbox or the channel's history, when the push is durable.
        public var offset: String?
        /// A backend waits for ``ClientFrame/received(id:)``; never set when the offset is one of the mailbox, whose acks
        /// say it already.
        public var wantsAck: Bool
        /// The backend's trace, when it named one.
        public var trace: TraceContext?
        /// The client that has published it to the group, as the node knows it; nil when it is from a backend.
        public var from: ClientID?

        public init(
            id: String, channel: String, payload: Payload, offset: String? = nil, wantsAck: Bool = false,
            trace: TraceContext? = nil, from: ClientID? = nil
        ) {
            self.from = from
            self.id = id
            self.channel = channel
            self.payload = payload
            self.offset = offset
            self.wantsAck = wantsAck
            self.trace = trace
        }
    }

    public struct Command: Hashable, Sendable {
        /// A ``CommandID``.
        public var id: String
        public var name: String
        public var payload: Payload
        /// Seconds.
        public var timeout: Double
        /// The backend's trace, when it named one.
        public var trace: TraceContext?
        /// The backend's signature, when there is one that can be read.
        public var signature: CommandSignature?

        public init(
            id: String, name: String, payload: Payload, timeout: Double, trace: TraceContext? = nil,
            signature: CommandSignature? = nil
        ) {
            self.id = id
            self.name = name
            self.payload = payload
            self.timeout = timeout
            self.trace = trace
            self.signature = signature
        }
    }
}

extension ServerFrame {
    /// Writes the frame's JSON text.
    public func write(into buffer: inout ByteBuffer) {
        var json = JSONObjectWriter(taking: &buffer)
        switch self {
        case .hello(let hello):
            json.string("type", "hello")
            json.string("clientId", hello.client.rawValue)
            json.string("session", hello.session.rawValue)
            json.literal("epoch", "\(hello.epoch)")
            json.string("node", hello.node.rawValue)
            json.object("heartbeat") {
                $0.number("interval", hello.heartbeatInterval)
                $0.number("timeout", hello.heartbeatTimeout)
            }
            json.object("reconnect") {
                $0.number("min", hello.reconnectMinimum)
                $0.number("max", hello.reconnectMaximum)
            }
            json.boolean("recovered", hello.recovered)
            if !hello.channels.isEmpty {
                json.object("channels") { json in
                    for (name, channel) in hello.channels.sorted(by: { $0.key < $1.key }) {
                        json.object(named: name) {
                            $0.boolean("recovered", channel.recovered)
                            $0.string("offset", channel.offset)
                        }
                    }
                }
            }
        case .push(let push):
            json.string("type", "push")
            json.string("id", push.id)
            json.string("channel", push.channel)
            if let from = push.from { json.string("from", from.rawValue) }
            if let offset = push.offset { json.string("offset", offset) }
            if push.wantsAck { json.boolean("ack", true) }
            json.trace(push.trace)
            json.payload(push.payload)
        case .command(let command):
            json.string("type", "command")
            json.string("id", command.id)
            json.string("name", command.name)
            json.number("timeout", command.timeout)
            json.trace(command.trace)
            json.signature(command.signature)
            json.payload(command.payload)
        case .cancel(let id):
            json.string("type", "cancel")
            json.string("id", id)
        case .ack(let ref):
            json.string("type", "ack")
            json.string("ref", ref)
        case .ping: json.string("type", "ping")
        case .goaway(let reason, let reconnectAfter):
            json.string("type", "goaway")
            json.string("reason", reason)
            json.number("reconnectAfter", reconnectAfter)
        case .members(let group, let members, let isComplete):
            json.string("type", "members")
            json.string("group", group.rawValue)
            json.boolean("complete", isComplete)
            json.members("clients", members)
        case .presence(let group, let joined, let left):
            json.string("type", "presence")
            json.string("group", group.rawValue)
            json.members("joined", joined)
            json.strings("left", left.map(\.rawValue))
        case .missed(let channel, let count):
            json.string("type", "missed")
            json.string("channel", channel)
            json.integer("count", count)
        case .error(let code, let message, let ref):
            json.string("type", "error")
            json.string("code", code)
            json.string("message", message)
            if let ref { json.string("ref", ref) }
        case .terminal(let order): order.write(to: &json)
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
        case "hello": self = .hello(try Hello(reader))
        case "push":
            self = .push(
                Push(
                    id: try reader.identifier("id", as: PushID.self).rawValue, channel: try reader.place("channel"),
                    payload: try reader.payload(), offset: try reader.optionalPlace("offset"),
                    wantsAck: try reader.optionalBoolean("ack") ?? false, trace: reader.trace,
                    from: try reader.optionalString("from").flatMap { ClientID(rawValue: $0) }))
        case "command":
            self = .command(
                Command(
                    id: try reader.identifier("id", as: CommandID.self).rawValue, name: try reader.string("name"),
                    payload: try reader.optionalPayload() ?? Payload(format: .json, bytes: ByteBuffer(string: "null")),
                    timeout: try reader.number("timeout"), trace: reader.trace, signature: reader.signature))
        case "cancel": self = .cancel(id: try reader.identifier("id", as: CommandID.self).rawValue)
        case "ack": self = .ack(ref: try reader.string("ref"))
        case "ping": self = .ping
        case "goaway":
            self = .goaway(reason: try reader.string("reason"), reconnectAfter: try reader.number("reconnectAfter"))
        case "members":
            self = .members(
                group: try reader.group(), try reader.groupMembers("clients"),
                isComplete: try reader.optionalBoolean("complete") ?? true)
        case "presence":
            self = .presence(
                group: try reader.group(), joined: try reader.groupMembers("joined"), left: try reader.clients("left"))
        case "missed": self = .missed(channel: try reader.place("channel"), count: try reader.integer("count"))
        case "error":
            self = .error(
                code: try reader.string("code"), message: try reader.string("message"),
                ref: try reader.optionalString("ref"))
        case "terminal": self = .terminal(try TerminalOrder(reader))
        default: self = .unknown(type: reader.type)
        }
    }
}

extension ServerFrame.Hello {
    fileprivate init(_ reader: FrameReader) throws(FrameError) {
        let heartbeat = try reader.object("heartbeat")
        let reconnect = try reader.object("reconnect")
        guard let epoch = UInt64(exactly: try reader.integer("epoch")) else { throw FrameError.invalidField("epoch") }
        self.init(
            client: try reader.identifier("clientId"), session: try reader.identifier("session"), epoch: epoch,
            node: try reader.identifier("node"),
            heartbeatInterval: try heartbeat.number("interval"), heartbeatTimeout: try heartbeat.number("timeout"),
            reconnectMinimum: try reconnect.number("min"), reconnectMaximum: try reconnect.number("max"),
            recovered: try reader.optionalBoolean("recovered") ?? false,
            channels: try reader.objects("channels") { channel throws(FrameError) in
                Channel(
                    recovered: try channel.optionalBoolean("recovered") ?? false, offset: try channel.place("offset"))
            })
    }
}

extension FrameReader {
    fileprivate func place(_ name: String) throws(FrameError) -> String {
        guard let text = try optionalPlace(name) else { throw FrameError.invalidField(name) }
        return text
    }

    fileprivate func optionalPlace(_ name: String) throws(FrameError) -> String? {
        guard let text = try optionalString(name) else { return nil }
        guard text.utf8.count <= ServerFrame.maximumPlaceLength else { throw FrameError.invalidField(name) }
        return text
    }
}
