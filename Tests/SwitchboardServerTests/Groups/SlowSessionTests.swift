import NIOCore
import NIOEmbedded
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

/// A framed client that has asked not to be closed when it reads too slowly.
@Suite struct SlowSessionTests {
    /// A socket that takes nothing until it is released.
    private final class Dam: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        private var waiting: [EventLoopPromise<Void>] = []
        private(set) var text = ""
        var isOpen = false

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            text += String(buffer: unwrapOutboundIn(data))
            guard let promise else { return }
            if isOpen { promise.succeed() } else { waiting.append(promise) }
        }

        func release() {
            let promises = waiting
            waiting = []
            for promise in promises { promise.succeed() }
        }
    }

    private let test = TestNode { configuration in
        configuration.outboundLimit = 10_000
        configuration.outboundPushes = 20
    }
    private let dam = Dam()

    private func connect(_ hello: String) throws -> TestConnection {
        let connection = try TestConnection(test, "/ws?clientId=slow&group=g&hello=1")
        try connection.channel.pipeline.syncOperations.addHandler(dam, position: .first)
        try connection.receive(hello)
        _ = connection.wire.take()
        return connection
    }

    private func push(_ id: String, to target: Target, bytes: Int = 10, waits: Bool = false) {
        test.node.receive(
            .push(
                BusPush(
                    id: PushID(unchecked: id), target: target, payload: text(String(repeating: "x", count: bytes)),
                    origin: NodeID(unchecked: "n1"), waits: waits)))
        test.loop.run()
    }

    /// From here on the socket is full, and something waits.
    private func fill() { push("full", to: .group(group("g")), bytes: 4 << 20) }

    private func missed() -> [String] {
        dam.text.split(separator: #"{"type":"missed","#).dropFirst().map { String($0.prefix { $0 != "}" }) }
    }

    @Test(arguments: [false, true]) func whatFindsNoRoomIsCountedByItsChannel(waits: Bool) throws {
        let connection = try connect(#"{"type":"hello","slow":"skip"}"#)
        fill()
        for number in 0..<3 { push("g\(number)", to: .group(group("g")), waits: waits) }
        for number in 0..<2 { push("a\(number)", to: .all, waits: waits) }
        #expect(connection.session.phase == .open)
        #expect(missed() == [])
        #expect(test.shard.counters.drops == 5)
        dam.isOpen = true
        dam.release()
        #expect(missed() == [#""channel":"all","count":2"#, #""channel":"group:g","count":3"#])
        #expect(connection.session.queuedBytes == 0)
        #expect(test.shard.counters.queuedSessions == 0)
        // The next one comes behind that, straight to the socket again.
        _ = connection.wire.take()
        push("next", to: .group(group("g")))
        #expect(try connection.frames().pushes.map(\.id) == ["next"])
        #expect(missed().count == 2)
        try connection.drop()
        #expect(test.shard.skipping == 0)
    }

    @Test func beforeTheNextThatFitsItIsTold() throws {
        let connection = try connect(#"{"type":"hello","slow":"skip"}"#)
        // Some bytes wait, far fewer than the limit; only the count of pushes is at its limit.
        while connection.session.queuedBytes == 0 { push("fill", to: .group(group("g")), bytes: 9_000) }
        for number in 0..<30 { push("n\(number)", to: .group(group("g")), bytes: 1) }
        let waiting = connection.session.queuedPushes
        #expect(waiting <= 20)
        #expect(missed() == [])
        let leftOut = 30 - (waiting - 1)
        #expect(test.shard.counters.drops == leftOut)
        dam.release()
        #expect(missed() == [#""channel":"group:g","count":\#(leftOut)"#])
        push("later", to: .group(group("g")))
        let order = dam.text.split(separator: #""type":""#).map { $0.prefix { $0 != "\"" } }.suffix(2)
        #expect(order == ["missed", "push"])
        try connection.drop()
    }

    @Test func aBackendHearsHowManyWereLeftOut() throws {
        let connection = try connect(#"{"type":"hello","slow":"skip"}"#)
        fill()
        let answers = Box<Result<PushReport, PushFailure>>()
        test.node.delivery.push(PushOrder(target: .group(group("g")), payload: text("x"))) { answers.add($1) }
        test.loop.run()
        let report = try #require(try answers.list.first?.get())
        #expect(report.counts.matched == 1)
        #expect(report.counts.dropped == 1)
        try connection.drop()
    }

    @Test func whoHasNotAskedForItIsClosed() throws {
        let connection = try connect(#"{"type":"hello"}"#)
        fill()
        push("g", to: .group(group("g")))
        #expect(connection.session.phase == .closing)
        #expect(test.presence(of: "slow")?.closeCode == 4101)
        try connection.drop()
    }

    @Test func whatIsForItAloneIsNotLeftOutButBounded() throws {
        let connection = try connect(#"{"type":"hello","slow":"skip"}"#)
        while connection.session.queuedBytes == 0 { push("fill", to: .group(group("g")), bytes: 9_000) }
        push("own", to: .client(client("slow")), bytes: 8_000)
        #expect(connection.session.phase == .open)
        #expect(dam.text.contains(#""id":"own""#))
        for number in 0..<5 { push("own\(number)", to: .client(client("slow")), bytes: 8_000) }
        #expect(test.presence(of: "slow")?.closeCode == 4101)
        try connection.drop()
    }
}
