import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// Why a frame of an operator was not obeyed: an `error` frame tells it, and the socket stays open.
struct LiveError: Error, Hashable {
    /// Stable, for programs.
    let code: String
    let message: String

    static func unknownType(_ type: String) -> LiveError {
        LiveError(code: "unknown_type", message: "the type '\(type)' is not known")
    }
    static func invalidFrame(_ message: String) -> LiveError { LiveError(code: "invalid_frame", message: message) }
    static let tooManyWatches = LiveError(
        code: "too_many_watches", message: "a socket may have \(LiveSession.maximumWatches) watches")
    static func overloaded(_ message: String) -> LiveError { LiveError(code: "overloaded", message: message) }
}

/// What an operator sends: a JSON object with a `type`.
struct LiveFrame {
    /// The longest frame in bytes.
    static let maximumBytes = 64 * 1024

    let type: String
    let members: JSONDocument

    /// - Throws: when the text is no JSON object, or has no `type`.
    init(_ text: ByteBuffer) throws(JSONError) {
        members = try JSONDocument(text)
        guard let slice = members["type"], let type = members.string(slice) else {
            throw JSONError(message: "it has no 'type'", offset: 0)
        }
        // A longer one is none that is known.
        self.type = type.prefix(bytes: 64)
    }

    /// What an answer to the frame refers to: its `id`, or the viewer of a terminal.
    var ref: String? { (members["id"] ?? members["viewer"]).flatMap { members.word($0) } }

    /// The key of a `hello`; nil when it shows none.
    func key() throws(LiveError) -> String? {
        guard let slice = members["key"], slice.kind != .null else { return nil }
        guard let key = members.string(slice) else { throw .invalidFrame("'key' must be a string") }
        return key
    }

    /// The name that an operator has given to a watch.
    func watchID() throws(LiveError) -> String {
        guard let id = members["id"].flatMap({ members.word($0) }), ClientID(rawValue: id) != nil else {
            throw .invalidFrame("'id' must have 1-64 characters of A-Z a-z 0-9 . _ : @ -")
        }
        return id
    }

    /// What is to be watched.
    func filter() throws(LiveError) -> (client: ClientID?, types: [String]) {
        var client: ClientID?
        if let slice = members["client"], slice.kind != .null {
            guard let id = members.string(slice).flatMap({ ClientID(rawValue: $0) }) else {
                throw .invalidFrame("'client' must be a client id")
            }
            client = id
        }
        guard let slice = members["types"], slice.kind != .null else { return (client, []) }
        guard let elements = members.elements(slice), elements.count <= Watch.maximumTypes else {
            throw .invalidFrame("'types' must be a list of at most \(Watch.maximumTypes) types of events")
        }
        var types: [String] = []
        for element in elements {
            let type = members.word(element) ?? ""
            guard EventType.names.contains(type) else {
                throw .invalidFrame("there are no events of the type '\(type)'")
            }
            if !types.contains(type) { types.append(type) }
        }
        return (client, types)
    }

    /// Seconds between two frames of statistics; 0 ends them.
    func interval() throws(LiveError) -> Int {
        guard let seconds = members["interval"].flatMap({ members.integer($0) }), (0...60).contains(seconds) else {
            throw .invalidFrame("'interval' must be 0-60 seconds")
        }
        return seconds
    }

    // MARK: What the node answers

    static let pong = JSONObjectWriter.document { $0.string("type", "pong") }

    /// - Parameter ref: Of the frame that it answers.
    static func error(_ error: LiveError, ref: String?) -> ByteBuffer {
        JSONObjectWriter.document { json in
            json.string("type", "error")
            json.string("code", error.code)
            json.string("message", error.message)
            if let ref { json.string("ref", ref) }
        }
    }

    static func hello(_ node: Node, _ principal: Principal) -> ByteBuffer {
        JSONObjectWriter.document { json in
            json.string("type", "hello")
            json.string("node", node.id.rawValue)
            json.string("version", SwitchboardVersion.current)
            json.strings("scopes", principal.scopes.names)
            json.object("heartbeat") { heartbeat in
                heartbeat.number("interval", node.configuration.heartbeatInterval)
                heartbeat.number("timeout", node.configuration.heartbeatTimeout)
            }
        }
    }
}
