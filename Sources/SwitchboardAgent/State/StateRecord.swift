import NIOCore
import SwitchboardProtocol

/// One thing that an agent must not forget: a line of its state file.
enum StateRecord: Equatable {
    /// A push was handled; `channel` and `offset` when it was one of a history that the agent follows.
    case push(id: String, at: Int, place: Place?)
    /// Where a history stands; an empty offset forgets the channel.
    case place(Place)
    case started(id: String, at: Int)
    case result(id: String, at: Int, CommandResult)
    case acknowledged(id: String)
    /// A signed command was let in.
    case sealed(id: String, at: Int, SealBook.Seal)
    /// The latest expiry of signed commands that were forgotten.
    case sealFloor(Int)

    /// A place in the history of a channel.
    struct Place: Equatable {
        var channel: String
        var offset: String
    }

    /// Writes the record as one line of JSON, its end included.
    func write(into buffer: inout ByteBuffer) {
        var json = JSONObjectWriter(taking: &buffer)
        switch self {
        case .push(let id, let at, let place):
            json.string("push", id)
            json.integer("at", at)
            if let place { Self.write(place, to: &json) }
        case .place(let place): Self.write(place, to: &json)
        case .started(let id, let at):
            json.string("command", id)
            json.integer("at", at)
        case .result(let id, let at, let result):
            json.string("result", id)
            json.integer("at", at)
            json.integer("status", result.status)
            if let payload = result.payload { json.payload(payload.onOneLine) }
        case .acknowledged(let id): json.string("acked", id)
        case .sealed(let id, let at, let seal):
            json.string("sealed", id)
            json.integer("at", at)
            json.string("content", seal.content)
            json.integer("expires", seal.expires)
        case .sealFloor(let expires): json.integer("sealFloor", expires)
        }
        buffer = json.finish()
        buffer.writeInteger(UInt8(ascii: "\n"))
    }

    /// Reads a line without its end.
    ///
    /// - Returns: nil when the line is none of these records.
    init?(line: ByteBuffer) {
        guard let document = try? JSONDocument(line) else { return nil }
        func string(_ name: String) -> String? { document[name].flatMap(document.string) }
        func integer(_ name: String) -> Int? { document[name].flatMap(document.integer) }
        let place: Place? =
            if let channel = string("channel"), let offset = string("offset") {
                Place(channel: channel, offset: offset)
            } else {
                nil
            }
        if let id = string("push"), let at = integer("at") {
            self = .push(id: id, at: at, place: place)
        } else if let id = string("command"), let at = integer("at") {
            self = .started(id: id, at: at)
        } else if let id = string("result"), let at = integer("at"), let status = integer("status") {
            self = .result(id: id, at: at, CommandResult(status: status, payload: try? Payload(parsing: document)))
        } else if let id = string("acked") {
            self = .acknowledged(id: id)
        } else if let id = string("sealed"), let at = integer("at"), let content = string("content"),
            let expires = integer("expires")
        {
            self = .sealed(id: id, at: at, SealBook.Seal(content: content, expires: expires))
        } else if let expires = integer("sealFloor") {
            self = .sealFloor(expires)
        } else if let place {
            self = .place(place)
        } else {
            return nil
        }
    }

    private static func write(_ place: Place, to json: inout JSONObjectWriter) {
        json.string("channel", place.channel)
        json.string("offset", place.offset)
    }
}
