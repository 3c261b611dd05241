import NIOCore

/// Why a framed message was refused.
public enum FrameError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not a JSON object with a string `type`: the connection is closed with 4006.
    case malformed(String)
    /// A member of a known type is missing or of the wrong kind: answered with an `error` frame.
    case invalidField(String)

    public var description: String {
        switch self {
        case .malformed(let reason): "not a framed message: \(reason)"
        case .invalidField(let name): "the member '\(name)' is missing or not valid"
        }
    }
}

/// The members of one frame, read with clear errors.
struct FrameReader {
    let type: String
    private let document: JSONDocument

    init(_ text: ByteBuffer) throws(FrameError) {
        do throws(JSONError) { document = try JSONDocument(text) } catch {
            throw FrameError.malformed(error.description)
        }
        guard let slice = document["type"], let type = document.string(slice) else {
            throw FrameError.malformed("it has no 'type'")
        }
        // A longer one is none that is known, and is compared with each of those.
        self.type = type.prefix(bytes: 64)
    }

    private init(type: String, document: JSONDocument) {
        self.type = type
        self.document = document
    }

    private func required<Value>(_ name: String, _ value: Value?) throws(FrameError) -> Value {
        guard let value else { throw FrameError.invalidField(name) }
        return value
    }

    /// A member that may be missing or null, but not of another kind.
    private func optional<Value>(_ name: String, _ read: (JSONSlice) -> Value?) throws(FrameError) -> Value? {
        guard let slice = document[name], slice.kind != .null else { return nil }
        return try required(name, read(slice))
    }

    func string(_ name: String) throws(FrameError) -> String { try required(name, try optionalString(name)) }
    func optionalString(_ name: String) throws(FrameError) -> String? { try optional(name, document.string) }
    func number(_ name: String) throws(FrameError) -> Double { try required(name, try optional(name, document.number)) }
    func integer(_ name: String) throws(FrameError) -> Int { try required(name, try optional(name, document.integer)) }
    func optionalInteger(_ name: String) throws(FrameError) -> Int? { try optional(name, document.integer) }
    func optionalBoolean(_ name: String) throws(FrameError) -> Bool? { try optional(name, document.boolean) }
    func optionalStrings(_ name: String, limit: Int) throws(FrameError) -> [String: String]? {
        try optional(name) { document.stringMap($0, limit: limit) }
    }

    /// A text that is looked up: at most as long as an identifier.
    func key(_ name: String) throws(FrameError) -> String { try required(name, try optionalKey(name)) }
    func optionalKey(_ name: String) throws(FrameError) -> String? {
        guard let text = try optionalString(name) else { return nil }
        return try required(name, text.utf8.count <= PushID.maximumLength ? text : nil)
    }

    /// What is said of channels, whose names are ASCII; other names are none.
    func channels(_ name: String) throws(FrameError) -> [String: String] {
        guard let object = try optional(name, document.object) else { return [:] }
        var channels: [String: String] = [:]
        for (channel, slice) in object.members {
            let text = try required(name, object.string(slice))
            if channel.utf8.allSatisfy({ $0 < 0x80 }) { channels[channel] = text }
        }
        return channels
    }

    var trace: TraceContext? { document.trace }
    var signature: CommandSignature? { document.commandSignature }

    func object(_ name: String) throws(FrameError) -> FrameReader {
        FrameReader(type: type, document: try required(name, try optional(name, document.object)))
    }

    /// The members of an object of objects; none when it is missing.
    func objects<Value>(
        _ name: String, _ read: (FrameReader) throws(FrameError) -> Value
    ) throws(FrameError) -> [String: Value] {
        guard let outer = try optional(name, document.object) else { return [:] }
        var values: [String: Value] = [:]
        for (key, slice) in outer.members {
            let inner = try required(name, outer.object(slice))
            values[key] = try read(FrameReader(type: type, document: inner))
        }
        return values
    }

    /// A list of objects.
    func list<Value>(
        _ name: String, limit: Int, _ read: (FrameReader) throws(FrameError) -> Value
    ) throws(FrameError) -> [Value] {
        let slices = try required(name, try optional(name, document.elements))
        guard slices.count <= limit else { throw FrameError.invalidField(name) }
        var values: [Value] = []
        for slice in slices {
            values.append(try read(FrameReader(type: type, document: try required(name, document.object(slice)))))
        }
        return values
    }

    /// Whether there is no such member, or null.
    func isMissing(_ name: String) -> Bool { document[name].map { $0.kind == .null } ?? true }
    func groupMembers(_ name: String) throws(FrameError) -> [GroupMember] {
        try required(name, document.groupMembers(name))
    }

    func clients(_ name: String) throws(FrameError) -> [ClientID] { try required(name, document.clients(name)) }

    func objectBytes(_ name: String) throws(FrameError) -> ByteBuffer {
        guard let slice = document[name], slice.kind == .object else { throw FrameError.invalidField(name) }
        return document.bytes(of: slice)
    }

    func identifier<Name: Identifier>(_ name: String, as type: Name.Type = Name.self) throws(FrameError) -> Name {
        try required(name, Name(rawValue: try string(name)))
    }

    func group() throws(FrameError) -> GroupName {
        try identifier("group")
    }

    func payload() throws(FrameError) -> Payload { try required("data", try optionalPayload()) }

    func optionalPayload() throws(FrameError) -> Payload? {
        if let slice = document["data"] { return Payload(format: .json, bytes: document.bytes(of: slice)) }
        guard let text = try optionalString("base64") else { return nil }
        return Payload(format: .binary, bytes: try required("base64", Base64.decode(text)))
    }
}
