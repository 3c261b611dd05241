import NIOCore
import NIOEmbedded
import NIOHTTP1

/// The requests in some bytes as NIO's own parser understands them.
struct NIORequests {
    struct Request {
        var head: HTTPRequestHead
        var body = ByteBuffer()
    }

    /// Those that are whole, in order.
    private(set) var requests: [Request] = []

    init(_ bytes: ByteBuffer) {
        let channel = EmbeddedChannel(
            handler: ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)))
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        // What is no HTTP ends the list.
        _ = try? channel.writeInbound(bytes)
        var open: Request?
        while let part = try? channel.readInbound(as: HTTPServerRequestPart.self) {
            switch part {
            case .head(let head): open = Request(head: head)
            case .body(var piece): open?.body.writeBuffer(&piece)
            case .end:
                if let open { requests.append(open) }
                open = nil
            }
        }
    }
}
