import NIOCore
import SwitchboardProtocol

/// A push in one line.
enum PushLine {
    enum Format: Sendable {
        /// Time, channel, id, payload.
        case readable
        /// `{"id", "channel", "from" when a client published it, "data" or "base64"}`
        case json
    }

    static func text(_ push: ServerFrame.Push, _ format: Format) -> ByteBuffer {
        var line = ByteBuffer()
        switch format {
        case .json:
            var json = JSONObjectWriter(taking: &line)
            json.string("id", push.id)
            json.string("channel", push.channel)
            if let from = push.from { json.string("from", from.rawValue) }
            json.payload(push.payload.onOneLine)
            return json.finish()
        case .readable:
            line.writeString("\(Clock.now())  \(push.channel)  \(push.id)  ")
            if push.payload.format == .binary {
                line.writeString(Base64.encode(push.payload.bytes))
            } else {
                line.writeImmutableBuffer(push.payload.onOneLine.bytes)
            }
            return line
        }
    }
}

extension Payload {
    /// The bytes for a program's standard input: a JSON string as its text, everything else as it is.
    var plain: ByteBuffer {
        guard format == .json, bytes.readableBytesView.first == UInt8(ascii: "\"") else { return bytes }
        var wrapped = ByteBuffer(string: #"{"text":"#)
        wrapped.writeImmutableBuffer(bytes)
        wrapped.writeInteger(UInt8(ascii: "}"))
        guard let document = try? JSONDocument(wrapped), let text = document["text"].flatMap(document.string) else {
            return bytes
        }
        return ByteBuffer(string: text)
    }
}
