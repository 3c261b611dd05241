import NIOCore
import NIOEmbedded
import SwitchboardProtocol
import SwitchboardWebSocket
import Testing

@testable import SwitchboardServer

/// Terminals between an operator's socket and a client's session, on one node and without a network.
@Suite struct LiveTerminalsTests {
    private let test = TestNode()

    /// What an operator is told, as `op` or `type code`.
    private final class Socket {
        let channel: EmbeddedChannel
        private let test: TestNode
        private(set) var reports: [TerminalReport] = []

        init(_ test: TestNode, behind dam: Dam? = nil) throws {
            self.test = test
            channel = EmbeddedChannel(loop: test.loop)
            if let dam { try channel.pipeline.syncOperations.addHandler(dam) }
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            let session = LiveSession(node: test.node, loop: test.loop, address: "192.0.2.7", caller: LiveCaller())
            try channel.pipeline.syncOperations.addHandler(session)
            _ = try told()
        }

        func says(_ op: String, _ viewer: String, _ members: String = "") throws {
            let more = members.isEmpty ? "" : "," + members
            try channel.writeInbound(
                ClientBytes.text(#"{"type":"terminal","op":"\#(op)","viewer":"\#(viewer)"\#(more)}"#))
            test.loop.run()
        }

        func attaches(_ viewer: String, to client: String = "a", terminal: String = "main") throws {
            try says(
                "attach", viewer,
                #""client":"\#(client)","terminal":"\#(terminal)","mode":"shared","columns":80,"rows":24,"typed":0"#)
        }

        func told() throws -> [String] {
            test.loop.run()
            var reader = MessageReader(side: .client, maximumMessageBytes: 0)
            var words: [String] = []
            while let bytes = try channel.readOutbound(as: ByteBuffer.self) {
                reader.feed(bytes)
                while case .text(let text)? = reader.next() {
                    let document = try JSONDocument(text)
                    if let report = try? TerminalReport(parsing: text) { reports.append(report) }
                    let word = ["op", "code", "type"].lazy.compactMap { document[$0].flatMap(document.string) }.first
                    words.append(word ?? "")
                }
            }
            return words
        }
    }

    /// A socket whose peer reads nothing for a while.
    private final class Dam: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private var held: [(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)] = []
        private var context: ChannelHandlerContext?
        private var isClosed = false

        var bytes: Int { held.reduce(0) { $0 + $1.bytes.readableBytes } }

        func handlerAdded(context: ChannelHandlerContext) { self.context = context }

        func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            let bytes = unwrapOutboundIn(data)
            if isClosed {
                held.append((bytes, promise))
            } else {
                context.write(wrapOutboundOut(bytes), promise: promise)
            }
        }

        func close() { isClosed = true }

        func open() {
            isClosed = false
            let frames = held
            held = []
            for (bytes, promise) in frames { context?.write(wrapOutboundOut(bytes), promise: promise) }
            context?.flush()
        }
    }

    private let here =
        #""op":"here","terminal":"main","columns":80,"rows":24,"from":0,"typed":0,"command":"sh","viewers":1"#

    private func orders(_ connection: TestConnection) throws -> [TerminalOrder] {
        test.loop.run()
        return try connection.frames().compactMap { if case .terminal(let order) = $0 { order } else { nil } }
    }

    @Test func ordersGoToTheClientAndReportsComeBack() throws {
        let connection = try TestConnection.open(test, "a")
        let socket = try Socket(test)
        try socket.attaches("v1")
        let attach = TerminalOrder.Attach(terminal: "main", operatorName: "anonymous")
        #expect(try orders(connection) == [TerminalOrder(viewer: "v1", action: .attach(attach))])
        try connection.receive(#"{"type":"terminal","viewer":"v1",\#(here)}"#)
        try connection.receive(#"{"type":"terminal","viewer":"v1","op":"output","offset":0,"base64":"JCA="}"#)
        #expect(try socket.told() == ["here", "output"])
        #expect(socket.reports.last?.event == .output(offset: 0, bytes: ByteBuffer(string: "$ ")))
        #expect(test.node.terminals.viewers == 1 && test.node.terminals.visits.value == 1)
        try socket.says("input", "v1", #""offset":0,"base64":"bHM=""#)
        #expect(
            try orders(connection)
                == [TerminalOrder(viewer: "v1", action: .input(offset: 0, bytes: ByteBuffer(string: "ls")))])
        try socket.says("detach", "v1")
        #expect(try orders(connection).map(\.action) == [.detach])
        #expect(test.node.terminals.viewers == 0 && test.node.terminals.visits.value == 1)
        try socket.says("took", "v1", #""offset":1"#)
        #expect(try socket.told() == ["not_attached"])
        try connection.drop()
    }

    @Test func nobodyActsUnseen() throws {
        let connection = try TestConnection.open(test, "a")
        let (socket, other) = (try Socket(test), try Socket(test))
        try socket.attaches("v1")
        // Before the visit is noted nothing is typed, whatever the mode says by then.
        try socket.says("input", "v1", #""offset":0,"base64":"bHM=""#)
        try socket.says("end", "v1")
        #expect(try orders(connection).map(\.action.name) == ["attach"])
        try connection.receive(#"{"type":"terminal","viewer":"v1",\#(here)}"#)
        #expect(try socket.told() == ["here"])
        #expect(test.node.terminals.visits.value == 1)
        // Who asks for a list in the name of a viewer sees only that, and does not keep its place.
        try other.says("list", "v1", #""client":"a""#)
        for op in ["input", "took"] { try other.says(op, "v1", #""offset":0,"base64":"bHM=""#) }
        #expect(try orders(connection).map(\.action.name) == ["list"])
        try connection.receive(#"{"type":"terminal","viewer":"v1","op":"output","offset":0,"base64":"JCA="}"#)
        try connection.receive(#"{"type":"terminal","viewer":"v1","op":"terminals","terminals":[]}"#)
        #expect(try other.told() == ["terminals"])
        try connection.drop()
    }

    @Test func nobodyElseHearsOfAViewer() throws {
        let (one, other) = (try TestConnection.open(test, "a"), try TestConnection.open(test, "b"))
        let (socket, stranger) = (try Socket(test), try Socket(test))
        try socket.attaches("v1")
        try stranger.attaches("v2")
        // A client speaks only to the viewers that came to it.
        try other.receive(#"{"type":"terminal","viewer":"v1","op":"taken","offset":1}"#)
        #expect(try socket.told().isEmpty)
        try one.receive(#"{"type":"terminal","viewer":"v1","op":"taken","offset":1}"#)
        #expect(try socket.told() == ["taken"])
        #expect(try stranger.told().isEmpty)
        try socket.attaches("v1", to: "b")
        #expect(try socket.told() == ["invalid_frame"])
        for connection in [one, other] { try connection.drop() }
    }

    @Test func aSocketThatClosesTakesItsViewersAlongUnlessTheyMoved() throws {
        let connection = try TestConnection.open(test, "a")
        let (first, second) = (try Socket(test), try Socket(test))
        for viewer in ["v1", "v2"] { try first.attaches(viewer) }
        try second.attaches("v2")
        _ = try orders(connection)
        _ = try first.channel.finish()
        #expect(try orders(connection) == [TerminalOrder(viewer: "v1", action: .detach)])
        try connection.receive(#"{"type":"terminal","viewer":"v2","op":"taken","offset":1}"#)
        #expect(try second.told() == ["taken"])
        try connection.drop()
    }

    @Test func whoIsNotThereIsOffline() throws {
        let socket = try Socket(test)
        try socket.attaches("v1")
        #expect(try socket.told() == ["offline"])
        let connection = try TestConnection.open(test, "a")
        try socket.attaches("v1")
        #expect(try socket.told().isEmpty)
        try connection.drop()
        #expect(try socket.told() == ["offline"])
        // Keys are sent again when somebody has answered: nothing is said for each.
        try socket.says("input", "v1", #""offset":0,"base64":"bHM=""#)
        #expect(try socket.told().isEmpty)
        try socket.says("list", "v2", #""client":"a""#)
        #expect(try socket.told() == ["offline"])
    }

    @Test func aRawClientHasNoTerminals() throws {
        let connection = try TestConnection(test, "/ws?clientId=a", isFramed: false)
        try #require(connection.session.phase == .open)
        let socket = try Socket(test)
        try socket.attaches("v1")
        _ = try socket.told()
        #expect(
            socket.reports.map(\.event)
                == [.refused(code: "terminal_unsupported", message: "a client in raw mode has no terminals")])
        try connection.drop()
    }

    @Test func aSlowOperatorGetsSlowerOutputAndIsNotClosed() throws {
        let connection = try TestConnection.open(test, "a")
        let dam = Dam()
        let socket = try Socket(test, behind: dam)
        let viewers = ["v0", "v1", "v2", "v3"]
        for viewer in viewers {
            try socket.attaches(viewer)
            try connection.receive(#"{"type":"terminal","viewer":"\#(viewer)",\#(here)}"#)
        }
        _ = try socket.told()
        dam.close()
        let (length, pieces) = (12 << 10, 24)
        let base64 = String(repeating: "A", count: length / 3 * 4)
        for index in 0..<pieces {
            let output = #""op":"output","offset":\#(index * length),"base64":"\#(base64)""#
            for viewer in viewers {
                try connection.receive(#"{"type":"terminal","viewer":"\#(viewer)",\#(output)}"#)
            }
        }
        // The end must not overtake what is missing.
        try connection.receive(#"{"type":"terminal","viewer":"v0","op":"ended","reason":"exited","status":0}"#)
        #expect(try socket.told().isEmpty)
        #expect((200 << 10...TerminalBacklog.limit + (100 << 10)).contains(dam.bytes))
        dam.open()
        #expect(try !socket.told().contains("ended"))
        for viewer in viewers {
            var offsets: [UInt64] = []
            var last: ByteBuffer?
            for case .output(let offset, let bytes) in socket.reports.filter({ $0.viewer == viewer }).map(\.event) {
                offsets.append(offset)
                last = bytes
            }
            // What came is without a gap but for the last, which tells how much is missing.
            try #require(offsets.count > 2 && offsets.count <= pieces)
            #expect(Array(offsets.dropLast()) == (0..<offsets.count - 1).map { UInt64($0 * length) })
            #expect(offsets.last == UInt64(pieces * length) && last == ByteBuffer())
        }
        // The viewer asks for it, and is told.
        try socket.attaches("v0")
        try connection.receive(#"{"type":"terminal","viewer":"v0",\#(here)}"#)
        try connection.receive(#"{"type":"terminal","viewer":"v0","op":"output","offset":0,"base64":"JCA="}"#)
        try connection.receive(#"{"type":"terminal","viewer":"v0","op":"ended","reason":"exited","status":0}"#)
        #expect(try socket.told() == ["here", "output", "ended"])
        #expect(socket.channel.isActive)
        try connection.drop()
    }

    @Test func aSocketHasSoManyViewers() throws {
        let socket = try Socket(test)
        for number in 0..<LiveTerminals.maximumViewers { try socket.attaches("v\(number)") }
        _ = try socket.told()
        try socket.attaches("one-more")
        #expect(try socket.told() == ["too_many_viewers"])
        try socket.says("detach", "v0")
        try socket.attaches("one-more")
        #expect(try socket.told() == ["offline"])
    }
}

extension TerminalOrder.Action {
    fileprivate var name: String { "\(self)".prefix { $0 != "(" }.description }
}
