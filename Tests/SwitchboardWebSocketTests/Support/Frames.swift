import NIOCore
import NIOEmbedded
import NIOWebSocket

enum Frames {
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
}
