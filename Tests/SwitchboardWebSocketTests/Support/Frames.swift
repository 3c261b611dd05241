import NIOCore
import NIOEmbedded
import NIOWebSocket

/// Frames as a peer sends them.
enum Frames {
    static let mask = WebSocketMaskingKey([0x37, 0xFA, 0x21, 0x3D]) ?? .random()

    /// - Parameter mask: nil makes a server's frame.
    static func frame(
        _ opcode: WebSocketOpcode, _ bytes: [UInt8], fin: Bool = true, mask: WebSocketMaskingKey? = mask
    ) -> WebSocketFrame {
        var data = ByteBuffer(bytes: bytes)
        if let mask { data.webSocketMask(mask) }
        return WebSocketFrame(fin: fin, opcode: opcode, maskKey: mask, data: data)
    }

    static func frame(
        _ opcode: WebSocketOpcode, _ text: String, fin: Bool = true, mask: WebSocketMaskingKey? = mask
    ) -> WebSocketFrame {
        frame(opcode, Array(text.utf8), fin: fin, mask: mask)
    }

    /// What NIO's own decoder makes of bytes, given to it in pieces.
    static func decode(_ pieces: [ByteBuffer], maximumFrameBytes: Int = 1 << 20) throws -> [WebSocketFrame] {
        let channel = EmbeddedChannel(
            handler: ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: maximumFrameBytes)))
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        var frames: [WebSocketFrame] = []
        for piece in pieces {
            try channel.writeInbound(piece)
            while let frame = try channel.readInbound(as: WebSocketFrame.self) { frames.append(frame) }
        }
        return frames
    }

    /// The wire form by NIO's own encoder.
    static func encode(_ frames: [WebSocketFrame]) throws -> ByteBuffer {
        let channel = EmbeddedChannel(handler: WebSocketFrameEncoder())
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        var bytes = ByteBuffer()
        for frame in frames {
            // The encoder masks what it is given.
            try channel.writeOutbound(
                WebSocketFrame(fin: frame.fin, opcode: frame.opcode, maskKey: frame.maskKey, data: frame.unmaskedData))
        }
        while var piece = try channel.readOutbound(as: ByteBuffer.self) { bytes.writeBuffer(&piece) }
        return bytes
    }
}
