import NIOCore
import NIOEmbedded
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

/// Durable pushes to one client, and what it says of them.
@Suite struct SessionMailTests {
    private let test = TestNode { $0.mailboxLimit = 0 }
    private let one = Target.client(client("a"))

    private var waiting: Int { test.cluster.mailboxes.size(of: client("a")).pushes }

    private func offset(_ push: ServerFrame.Push?) throws -> String { try #require(push?.offset) }

    // MARK: Delivery

    @Test func itIsDeliveredAtOnceAndKeptUntilTheAck() throws {
        let connection = try TestConnection.open(test, "a")
        let answer = test.push("p1", to: one)
        #expect(try answer.list.first?.get().counts.delivered == 1)
        let push = try #require(try connection.frames().pushes.first)
        #expect(push.id == "p1" && push.channel == "client" && !push.wantsAck)
        #expect(waiting == 1)
        try connection.receive(#"{"type":"ack","offset":"\#(try offset(push))"}"#)
        #expect(waiting == 0)
        try connection.drop()
    }

    @Test func whatWaitedComesFirstAndInOrder() throws {
        for number in 1...250 { test.push("p\(number)", to: one) }
        let connection = try TestConnection(test, "/ws?clientId=a")
        try connection.receive(#"{"type":"hello"}"#)
        test.push("p251", to: one)
        let frames = try connection.frames()
        #expect(frames.pushes.map(\.id) == (1...251).map { "p\($0)" })
        if case .hello = frames.first {} else { Issue.record("the hello comes first") }
        try connection.drop()
    }

    @Test func whatWasNotAckedComesAgain() throws {
        let first = try TestConnection.open(test, "a")
        for id in ["p1", "p2", "p3"] { test.push(id, to: one) }
        let pushes = try first.frames().pushes
        try first.receive(#"{"type":"ack","offset":"\#(try offset(pushes[1]))"}"#)
        try first.drop()
        let second = try TestConnection(test, "/ws?clientId=a")
        try second.receive(#"{"type":"hello"}"#)
        #expect(try second.frames().pushes.map(\.id) == ["p3"])
        try second.drop()
    }

    @Test func aPushThatComesTwiceIsSentOnce() throws {
        let connection = try TestConnection.open(test, "a")
        test.push("p1", to: one)
        let place = try #require(connection.session.mail?.cursor.handed)
        _ = try connection.frames()
        var again = kept(1, to: one, epoch: nil)
        again.durable?.place = BusPush.Place(offset: place, previous: .zero)
        connection.session.deliverDurable(again, at: try #require(again.durable?.place))
        test.loop.run()
        #expect(try connection.frames().isEmpty)
        try connection.drop()
    }

    /// A push that is kept, but of which the node never hears.
    private func lose(_ id: String) {
        let push = BusPush(
            id: PushID(unchecked: id), target: one, payload: Payload(format: .json, bytes: ByteBuffer(string: "1")),
            durable: BusPush.Durable(expiresAt: .max))
        let limits = test.node.configuration.keeping.mailbox
        test.cluster.mailboxes.enqueue(push, limits: limits, publish: { _, _ in 0 }, completion: { _ in })
    }

    @Test func aPushThatWasLostOnTheWayIsFetchedWithTheNext() throws {
        let connection = try TestConnection.open(test, "a")
        lose("lost")
        let answer = test.push("p2", to: one)
        #expect(try connection.frames().pushes.map(\.id) == ["lost", "p2"])
        #expect(try answer.list.first?.get().counts.delivered == 1)
        try connection.drop()
    }

    /// It may be kept right after the mailbox was read, and be heard of before the reply to that.
    @Test func aPushThatComesWhileTheMailboxIsReadIsSentRightAfter() throws {
        let connection = try TestConnection.open(test, "a")
        connection.session.checkMail()
        #expect(connection.session.mail?.cursor.isReading == true)
        let answer = test.push("p1", to: one)
        #expect(try connection.frames().pushes.map(\.id) == ["p1"])
        #expect(try answer.list.first?.get().counts.delivered == 1)
        try connection.drop()
    }

    @Test func aRawClientsMailIsTakenWhenItIsWritten() throws {
        test.push("p1", to: one)
        let connection = try TestConnection(test, "/ws?clientId=a", isFramed: false)
        test.push("p2", to: one)
        #expect(try connection.texts() == ["1", "1"])
        #expect(waiting == 0)
        try connection.drop()
    }

    // MARK: Acks

    @Test func whatWasNotSentCannotBeAcked() throws {
        let connection = try TestConnection.open(test, "a")
        test.push("p1", to: one)
        lose("lost")
        try connection.receive(#"{"type":"ack","offset":"99999999999999-0"}"#)
        #expect(waiting == 1)
        test.push("p3", to: one)
        let pushes = try connection.frames().pushes
        #expect(pushes.map(\.id) == ["p1", "lost", "p3"])
        try connection.receive(#"{"type":"ack","offset":"\#(try offset(pushes.last))"}"#)
        #expect(waiting == 0)
        try connection.drop()
    }

    @Test func anAckBeforeAnyPushIsPassedOver() throws {
        test.push("p1", to: .client(client("b")))
        let connection = try TestConnection.open(test, "a")
        try connection.receive(#"{"type":"ack","offset":"99999999999999-0"}"#)
        #expect(try connection.frames().isEmpty)
        #expect(connection.session.phase == .open)
        try connection.drop()
    }

    @Test(arguments: [("nonsense", true), ("1", true), ("-", true), ("e:1-0", false)])
    func anOffsetThatIsNoneIsRefused(text: String, isRefused: Bool) throws {
        let connection = try TestConnection.open(test, "a")
        test.push("p1", to: one)
        _ = try connection.frames()
        try connection.receive(#"{"type":"ack","offset":"\#(text)"}"#)
        let isError = try connection.frames().contains {
            if case .error("invalid_frame", _, _) = $0 { true } else { false }
        }
        #expect(isError == isRefused)
        #expect(waiting == 1)
        try connection.drop()
    }

    @Test func whoWaitsForTheAckHearsOfIt() throws {
        let connection = try TestConnection.open(test, "a")
        let answer = test.push("p1", to: one, waits: true)
        let push = try #require(try connection.frames().pushes.first)
        #expect(!push.wantsAck, "the ack of its mailbox says it already")
        #expect(answer.list.isEmpty)
        try connection.receive(#"{"type":"ack","offset":"\#(try offset(push))"}"#)
        #expect(try answer.list.first?.get().counts.acked == 1)
        try connection.drop()
    }

    @Test func aPushToAllIsConfirmedByItsID() throws {
        let connection = try TestConnection.open(test, "a")
        let answer = test.push("p1", to: .all, waits: true)
        #expect(try connection.frames().pushes.first?.wantsAck == true)
        try connection.receive(#"{"type":"ack","id":"other"}"#)
        #expect(answer.list.isEmpty)
        for _ in 0..<2 { try connection.receive(#"{"type":"ack","id":"p1"}"#) }
        #expect(answer.list.count == 1)
        #expect(try answer.list.first?.get().counts.acked == 1)
        try connection.drop()
    }

    @Test func theOldestOfTooManyAwaitedIsForgotten() throws {
        let connection = try TestConnection.open(test, "a")
        let answers = (0...64).map { test.push("p\($0)", to: .all, waits: true) }
        for number in 0...64 { try connection.receive(#"{"type":"ack","id":"p\#(number)"}"#) }
        #expect(answers.map(\.list.count) == [0] + Array(repeating: 1, count: 64))
        try connection.drop()
    }
}
