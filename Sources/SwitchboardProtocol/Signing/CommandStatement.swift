public import NIOCore

/// What a backend says when it signs a command: "this client shall do this, once, before then".
public struct CommandStatement: Sendable {
    /// Tells the signed bytes apart from everything else that is ever signed with the same key, and from later forms.
    static let domain = "switchboard-command-v1"

    public var client: ClientID
    public var id: CommandID
    public var name: String
    /// As the client gets it; text counts as the JSON string that it arrives as.
    public var payload: Payload
    public var key: SigningKeyID
    /// Unix seconds.
    public var issued: Int
    /// Unix seconds.
    public var expires: Int

    public init(
        client: ClientID, id: CommandID, name: String, payload: Payload, key: SigningKeyID, issued: Int, expires: Int
    ) {
        self.client = client
        self.id = id
        self.name = name
        self.payload = payload
        self.key = key
        self.issued = issued
        self.expires = expires
    }

    /// What is signed: nine parts, a line feed between two of them. The payload alone may have line feeds, and it is the last,
    /// so that no two statements have the same bytes.
    ///
    /// - Returns: nil when the name has a control character: such a command cannot be signed.
    public var bytes: ByteBuffer? {
        guard Self.isSignable(name) else { return nil }
        var buffer = ByteBuffer()
        for part in [Self.domain, key.rawValue, client.rawValue, id.rawValue, "\(issued)", "\(expires)"] {
            buffer.writeString(part)
            buffer.writeInteger(UInt8(ascii: "\n"))
        }
        writeContent(into: &buffer)
        return buffer
    }

    /// What the command is, without when and by whom it was signed: the same when it is signed anew.
    public var content: ByteBuffer {
        var buffer = ByteBuffer(string: Self.domain + " content\n\(client)\n\(id)\n")
        writeContent(into: &buffer)
        return buffer
    }

    private func writeContent(into buffer: inout ByteBuffer) {
        buffer.writeString(name)
        buffer.writeInteger(UInt8(ascii: "\n"))
        switch payload.format {
        case .json:
            buffer.writeStaticString("data\n")
            buffer.writeImmutableBuffer(payload.bytes)
        case .text:
            buffer.writeStaticString("data\n")
            buffer.writeJSONString(utf8: payload.bytes)
        case .binary:
            buffer.writeStaticString("base64\n")
            buffer.writeImmutableBuffer(payload.bytes)
        }
    }

    private static func isSignable(_ name: String) -> Bool {
        name.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    }
}
