import NIOCore
import NIOEmbedded
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

/// A connection that has been upgraded. Its session has a real socket, so that what it writes can be read.
final class TestConnection {
    let channel: EmbeddedChannel
    let session: Session
    private let test: TestNode
    let wire = TestWire()

    /// - Parameter extensions: What the client offers as `Sec-WebSocket-Extensions`.
    init(_ test: TestNode, _ uri: String, isFramed: Bool = true, extensions: String? = nil, token: String? = nil) throws
    {
        self.test = test
        session = try test.session(uri, isFramed: isFramed, extensions: extensions, token: token)
        channel = EmbeddedChannel(loop: test.loop)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try channel.pipeline.syncOperations.addHandler(session)
        session.descriptor = wire.descriptor
        test.loop.run()
    }

    /// A framed client that has said hello; what was sent to it so far is passed over.
    static func open(_ test: TestNode, _ name: String) throws -> TestConnection {
        let connection = try TestConnection(test, "/ws?clientId=\(name)")
        try connection.receive(#"{"type":"hello"}"#)
        try #require(connection.session.phase == .open)
        _ = try connection.frames()
        return connection
    }

    /// The client sends a text message.
    func receive(_ text: String) throws { try receive(ClientBytes.text(text)) }

    /// The client sends bytes.
    func receive(_ bytes: ByteBuffer) throws {
        try channel.writeInbound(bytes)
        test.loop.run()
    }

    /// What has been sent to a framed client since this was last asked.
    func frames() throws -> [ServerFrame] { try wire.messages().map { try ServerFrame(parsing: $0) } }

    /// What has been sent to a raw client since this was last asked.
    func texts() throws -> [String] { try wire.messages().map { String(buffer: $0) } }

    /// The connection is cut.
    func drop() throws { _ = try channel.finish(acceptAlreadyClosed: true) }
}

extension [ServerFrame] {
    var pushes: [ServerFrame.Push] { compactMap { if case .push(let push) = $0 { push } else { nil } } }

    var commands: [String] { compactMap { if case .command(let command) = $0 { command.id } else { nil } } }

    var hello: ServerFrame.Hello? { compactMap { if case .hello(let hello) = $0 { hello } else { nil } }.first }
}
