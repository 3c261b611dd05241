import NIOCore
import NIOHTTP1
import NIOPosix

/// One TCP connection on which requests are written as they are told, one behind the other if need be.
final class Connection: Sendable {
    let channel: any Channel
    private let answers: Inbox<API.Answer>

    private init(_ channel: any Channel, _ answers: Inbox<API.Answer>) {
        self.channel = channel
        self.answers = answers
    }

    static func open(port: Int) async throws -> Connection {
        let answers = Inbox<API.Answer>()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        [ByteToMessageHandler(AnswerDecoder()), Answers(answers)])
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return Connection(channel, answers)
    }

    static func request(
        _ method: String, _ path: String, _ body: String = "", type: String = "application/json"
    ) -> String {
        let length = method == "GET" ? "" : "Content-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n"
        return "\(method) \(path) HTTP/1.1\r\nHost: test\r\n\(length)\r\n\(body)"
    }

    func write(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)) }

    /// Without waiting for anything.
    func writeSoon(_ text: String) { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }

    /// The answer to the earliest request that has none yet.
    func answer(within time: Duration = .seconds(10)) async throws -> API.Answer {
        try await answers.next(within: time, "an answer")
    }

    func ended(within time: Duration) async throws {
        try await channel.closeFuture.get(within: time, "the end of the connection")
    }

    func close() async { try? await channel.close() }

    /// Hands each whole answer on.
    private final class Answers: ChannelInboundHandler {
        typealias InboundIn = API.Answer

        private let inbox: Inbox<API.Answer>

        init(_ inbox: Inbox<API.Answer>) { self.inbox = inbox }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { inbox.put(unwrapInboundIn(data)) }

        func channelInactive(context: ChannelHandlerContext) {
            inbox.finish()
            context.fireChannelInactive()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}

/// Reads answers that say their length. NIO's own decoder insists on having seen the requests as its own type.
private struct AnswerDecoder: ByteToMessageDecoder {
    typealias InboundOut = API.Answer

    struct Malformed: Error {
        let head: String
    }

    mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        guard let end = buffer.readableBytesView.firstRange(of: Array("\r\n\r\n".utf8)) else { return .needMoreData }
        let head = buffer.getString(at: buffer.readerIndex, length: end.lowerBound - buffer.readerIndex) ?? ""
        let lines = head.split(separator: "\r\n")
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw Malformed(head: head)
        }
        var headers = HTTPHeaders()
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { throw Malformed(head: head) }
            headers.add(
                name: String(line[..<colon]), value: line[line.index(after: colon)...].trimmingPrefix(" ").description)
        }
        guard let length = headers.first(name: "Content-Length").flatMap({ Int($0) }) else {
            throw Malformed(head: head)
        }
        guard buffer.writerIndex - end.upperBound >= length else { return .needMoreData }
        buffer.moveReaderIndex(to: end.upperBound)
        let body = buffer.readSlice(length: length) ?? ByteBuffer()
        context.fireChannelRead(wrapInboundOut(API.Answer(status: status, headers: headers, body: body)))
        return .continue
    }

    mutating func decodeLast(
        context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
    ) throws -> DecodingState { try decode(context: context, buffer: &buffer) }
}
