import NIOCore
import SwitchboardProtocol

/// A push in one line.
enum PushLine {
    enum Format: Sendable {
        /// Time, channel, id, payload.
        case readable
        /// `{"id", "channel", "data" or "base64"}`
        case json
    }

    static func text(_ push: ServerFrame.Push, _ format: Format) -> ByteBuffer {
        var line = ByteBuffer()
        switch format {
        case .json:
            var json = JSONObjectWriter(taking: &line)
            json.string("id", push.id)
            json.string("channel", push.channel)
            json.payload(oneLine(push.payload))
            return json.finish()
        case .readable:
            line.writeString("\(Clock.now())  \(push.channel)  \(push.id)  ")
            if push.payload.format == .binary {
                line.writeString(Base64.encode(push.payload.bytes))
            } else {
                line.writeImmutableBuffer(oneLine(push.payload).bytes)
            }
            return line
        }
    }

    /// JSON may be spread over lines; between its tokens a line end is as good as a space, and within strings it is escaped.
    private static func oneLine(_ payload: Payload) -> Payload {
        let ends: Set<UInt8> = [UInt8(ascii: "\n"), UInt8(ascii: "\r")]
        guard payload.format == .json, payload.bytes.readableBytesView.contains(where: ends.contains) else {
            return payload
        }
        let bytes = payload.bytes.readableBytesView.map { ends.contains($0) ? UInt8(ascii: " ") : $0 }
        return Payload(format: .json, bytes: ByteBuffer(bytes: bytes))
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
