import AsyncHTTPClient
import Foundation
import NIOCore
import NIOPosix
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

/// Answers every connection with the same bytes.
private final class CannedAnswer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let text: String

    init(_ text: String) { self.text = text }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }
}

@Suite struct KeySetSourceTests {
    /// What a node gets of a server that answers `text`.
    private func fetch(_ text: String) async throws -> ByteBuffer {
        let group = MultiThreadedEventLoopGroup.singleton
        let server = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(CannedAnswer(text))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        let http = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
        let port = try #require(server.localAddress?.port)
        let source = try #require(KeySetSource("http://127.0.0.1:\(port)/jwks"))
        let result: Result<ByteBuffer, any Error>
        do { result = .success(try await source.loader(http)()) } catch { result = .failure(error) }
        try await http.shutdown()
        try await server.close()
        return try result.get()
    }

    private func answer(_ status: String, _ body: String, _ headers: String = "") -> String {
        "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
    }

    @Test("A set is fetched") func good() async throws {
        #expect(try await fetch(answer("200 OK", "{}")) == ByteBuffer(string: "{}"))
    }

    @Test("Anything but a plain success is a failure that says why") func failures() async throws {
        let cases = [
            (answer("404 Not Found", "{}"), "HTTP 404"), (answer("204 No Content", ""), "HTTP 204"),
            (answer("302 Found", "", "Location: http://127.0.0.1:1/\r\n"), "HTTP 302"),
            (answer("200 OK", String(repeating: " ", count: KeySetSource.limit + 1)), "more than"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n ", "more than"),
        ]
        for (text, expected) in cases {
            let fault = await #expect(throws: TokenKey.Fault.self) { try await fetch(text) }
            #expect(fault?.description.contains(expected) == true, "\(fault?.description ?? "")")
        }
    }

    @Test("A server that begins and does not end is left") func endless() async throws {
        let fault = await #expect(throws: TokenKey.Fault.self) {
            try await fetch("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{")
        }
        #expect(fault?.description == "no answer in time")
    }

    @Test("A file is read, and what is no file is a failure") func file() async throws {
        let set = try #require(NewSigningKey(.edDSA)).keySet
        let file = FileManager.default.temporaryDirectory.appending(path: "switchboard-\(UUID().uuidString)")
        try Data(set.readableBytesView).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let source = try #require(KeySetSource(file.path))
        #expect(try await source.loader(.shared)() == set)
        let missing = try #require(KeySetSource(file.path + ".missing"))
        await #expect(throws: TokenKey.Fault.self) { try await missing.loader(.shared)() }
    }
}
