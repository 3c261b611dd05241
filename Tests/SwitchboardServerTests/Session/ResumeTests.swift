import NIOCore
import NIOEmbedded
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

/// A framed client that comes back and names what it has seen.
@Suite struct ResumeTests {
    private let test = TestNode()

    private func connect(_ resume: String, _ name: String = "a") throws -> TestConnection {
        let connection = try TestConnection(test, "/ws?clientId=\(name)&group=g&hello=1")
        try connection.receive(#"{"type":"hello","resume":{\#(resume)}}"#)
        return connection
    }

    /// Where the history of `all` stands.
    private func newest(_ name: String = "all") -> String {
        test.cluster.histories.page(of: name, after: nil, limit: 1).newest.description
    }

    @Test func whoNamesNothingIsNotRecovered() throws {
        let connection = try TestConnection(test, "/ws?clientId=a&hello=1")
        try connection.receive(#"{"type":"hello"}"#)
        let hello = try #require(try connection.frames().hello)
        #expect(!hello.recovered)
        #expect(hello.channels.isEmpty)
        try connection.drop()
    }

    @Test func whoHasNothingYetIsToldWhereToBegin() throws {
        test.push("p1", to: .all)
        let connection = try connect(#""all":"","group:g":"""#)
        let frames = try connection.frames()
        #expect(frames.hello?.recovered == false)
        #expect(frames.hello?.channels["all"] == .init(recovered: true, offset: newest()))
        #expect(frames.hello?.channels["group:g"] == .init(recovered: true, offset: newest("group:g")))
        #expect(frames.pushes.isEmpty)
        try connection.drop()
    }

    @Test func whatWasMissedFollowsTheHelloAtOnceInOrder() throws {
        test.push("p1", to: .all)
        let offset = newest()
        let empty = newest("group:g")
        for id in ["p2", "p3"] { test.push(id, to: .all) }
        test.push("g1", to: .group(group("g")))
        let connection = try connect(#""all":"\#(offset)","group:g":"\#(empty)""#)
        let frames = try connection.frames()
        #expect(frames.hello?.recovered == true)
        #expect(frames.pushes.map(\.id) == ["p2", "p3", "g1"])
        #expect(frames.pushes.map(\.channel) == ["all", "all", "group:g"])
        #expect(frames.pushes[1].offset == newest())
        if case .hello = frames.first {} else { Issue.record("the hello comes first") }
        #expect(connection.session.recovery == nil)
        #expect(test.shard.recovering.isEmpty)
        // From here on it hears all, once.
        test.push("p4", to: .all)
        #expect(try connection.frames().pushes.map(\.id) == ["p4"])
        try connection.drop()
    }

    @Test func oneChannelThatIsLostMakesTheWholeNotRecovered() throws {
        let offset = newest("group:g")
        test.push("g1", to: .group(group("g")))
        test.push("p1", to: .all)
        let connection = try connect(#""all":"another:1-0","group:g":"\#(offset)""#)
        let frames = try connection.frames()
        #expect(frames.hello?.recovered == false)
        #expect(frames.hello?.channels["all"] == .init(recovered: false, offset: newest()))
        #expect(frames.hello?.channels["group:g"]?.recovered == true)
        #expect(frames.pushes.map(\.id) == ["g1"])
        try connection.drop()
    }

    @Test func groupsOfOthersAreNotTold() throws {
        test.push("o1", to: .group(group("other")))
        let connection = try connect(#""group:other":"""#)
        #expect(try connection.frames().hello?.channels.isEmpty == true)
        try connection.drop()
    }

    @Test func moreThanTheLimitIsNotRecovered() throws {
        test.push("p0", to: .all)
        let offset = newest()
        for number in 1...Recovery.limit { test.push("p\(number)", to: .all) }
        let just = try connect(#""all":"\#(offset)""#)
        #expect(try just.frames().pushes.count == Recovery.limit)
        test.push("one too many", to: .all)
        let tooMuch = try connect(#""all":"\#(offset)""#, "b")
        let frames = try tooMuch.frames()
        #expect(frames.hello?.channels["all"] == .init(recovered: false, offset: newest()))
        #expect(frames.pushes.isEmpty)
        try just.drop()
        try tooMuch.drop()
    }

    @Test func whatCameBeforeTheSessionWasOpenIsInTheAnswer() throws {
        let offset = newest()
        let session = try test.session("/ws?clientId=a&hello=1", isFramed: true)
        // As it is while the histories are read.
        session.recovery = Recovery(["all": offset], groups: [])
        test.shard.recovering.append(session)
        test.push("p1", to: .all)
        #expect(session.recovery?.channels["all"]?.held.map(\.id.rawValue) == ["p1"])
        let page = HistoryPage(newest: try #require(HistoryOffset(offset)), pushes: [])
        session.recovery?.channels["all"]?.page = page
        let recovered = session.takeRecovery()
        #expect(recovered.isRecovered)
        #expect(recovered.missed.map(\.id.rawValue) == ["p1"])
        #expect(test.shard.recovering.isEmpty)
    }

    /// It has missed nothing for certain, and its offset is good for another try.
    @Test func whoseHistoryCannotBeReadHasToComeAgain() throws {
        let connection = try TestConnection(test, "/ws?clientId=a&hello=1")
        let session = connection.session
        session.phase = .registering
        session.recovery = Recovery(["all": newest(), "group:g": ""], groups: [group("g")])
        test.shard.recovering.append(session)
        session.read("all", .failure(.unavailable("no connection")))
        let newest = try #require(HistoryOffset(newest("group:g")))
        session.read("group:g", .success(HistoryPage(newest: newest, pushes: [])))
        test.loop.run()
        let frames = try connection.wire.frames()
        #expect(frames.count == 1)
        #expect(frames.first?.payload.getInteger(at: 0, as: UInt16.self) == CloseCode.overloaded.rawValue)
        #expect(test.shard.recovering.isEmpty)
        try connection.drop()
    }

    @Test func aHelloThatComesTooLateRecoversNothing() throws {
        let connection = try TestConnection.open(test, "a")
        try connection.receive(#"{"type":"hello","resume":{"all":"\#(newest())"}}"#)
        let hello = try #require(try connection.frames().hello)
        #expect(!hello.recovered)
        #expect(hello.channels == ["all": .init(recovered: false, offset: "")])
        try connection.drop()
    }
}
