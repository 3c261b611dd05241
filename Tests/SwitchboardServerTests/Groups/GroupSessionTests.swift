import NIOCore
import NIOEmbedded
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

/// What framed clients do with groups by themselves.
@Suite struct GroupSessionTests {
    private func node(_ change: (inout ServerConfiguration) -> Void = { _ in }) -> TestNode {
        TestNode { configuration in
            configuration.auth.publishableGroups = [GroupPattern("chat:*")].compactMap { $0 }
            change(&configuration)
        }
    }

    private func ids(_ frames: [ServerFrame]) -> [String] { frames.pushes.map(\.id) }

    private func error(_ frames: [ServerFrame]) -> (code: String, ref: String?)? {
        for case .error(let code, _, let ref) in frames { return (code, ref) }
        return nil
    }

    // MARK: Publishing

    @Test func whatAClientPublishesNamesIt() throws {
        let test = node()
        let (anna, ben) = (try TestConnection.open(test, "anna"), try TestConnection.open(test, "ben"))
        try ben.receive(#"{"type":"join","group":"chat:1"}"#)
        try anna.receive(#"{"type":"publish","id":"m1","group":"chat:1","data":{"text":"3.20"}}"#)
        #expect(try anna.frames() == [.ack(ref: "m1")])
        let push = try #require(try ben.frames().pushes.first)
        #expect(push.from == client("anna"))
        #expect(push.channel == "group:chat:1")
        #expect(String(buffer: push.payload.bytes) == #"{"text":"3.20"}"#)
        #expect(push.offset == nil)
        // Sent again after a lost connection it has the same id, by which the receiver knows it; another's has not.
        try anna.receive(#"{"type":"publish","id":"m1","group":"chat:1","data":1}"#)
        try ben.receive(#"{"type":"publish","id":"m1","group":"chat:1","data":1}"#)
        let again = try ben.frames().pushes
        #expect(again.map { $0.id == push.id } == [true, false])
        for connection in [anna, ben] { try connection.drop() }
    }

    @Test func whoMayNotPublishIsTold() throws {
        let test = node()
        let anna = try TestConnection.open(test, "anna")
        try anna.receive(#"{"type":"publish","id":"m1","group":"shop","data":1}"#)
        let refusal = try #require(error(try anna.frames()))
        #expect(refusal.code == "publish_forbidden")
        #expect(refusal.ref == "m1")
        try anna.receive(#"{"type":"publish","id":"m2","group":"chat:1"}"#)
        #expect(error(try anna.frames())?.code == "invalid_frame")
        try anna.drop()
    }

    @Test func publishingCountsAsSendingMessages() throws {
        let test = node {
            $0.messageRate = 1
            $0.messageBurst = 2
        }
        let anna = try TestConnection.open(test, "anna")
        for _ in 0..<3 { try anna.receive(#"{"type":"publish","group":"chat:1","data":1}"#) }
        #expect(test.presence(of: "anna")?.closeCode == 4102)
        try anna.drop()
    }

    @Test func soMuchIsKeptAndNoMore() throws {
        let test = node { $0.messageRate = 0 }
        let anna = try TestConnection.open(test, "anna")
        let text = String(repeating: "x", count: 60 << 10)
        let most = ClientFrame.keptBytesAtOnce / (60 << 10)
        for number in 0..<most {
            let members = #""id":"m\#(number)","group":"chat:1","durable":true"#
            try anna.receive(#"{"type":"publish",\#(members),"data":"\#(text)"}"#)
            #expect(try anna.frames() == [.ack(ref: "m\(number)")])
        }
        for _ in 0..<3 { try anna.receive(#"{"type":"publish","group":"chat:2","data":"\#(text)","durable":true}"#) }
        #expect(error(try anna.frames())?.code == "rate_limited")
        // What is not kept is not meant.
        try anna.receive(#"{"type":"publish","id":"live","group":"chat:1","data":"\#(text)"}"#)
        #expect(try anna.frames() == [.ack(ref: "live")])
        try anna.drop()
    }

    @Test func soManyHistoriesAreReadAndNoMore() throws {
        let test = node { $0.messageRate = 0 }
        let anna = try TestConnection.open(test, "anna")
        for _ in 0..<GroupDealings.readsAtOnce {
            try anna.receive(#"{"type":"join","group":"chat:1","history":300}"#)
            #expect(error(try anna.frames()) == nil)
        }
        for _ in 0..<GroupDealings.readsASecond + 3 {
            try anna.receive(#"{"type":"join","group":"chat:1","history":1}"#)
        }
        let refusal = try #require(error(try anna.frames()))
        #expect(refusal.code == "rate_limited" && refusal.ref == "chat:1")
        try anna.receive(#"{"type":"join","group":"chat:2"}"#)
        #expect(error(try anna.frames()) == nil)
        try anna.drop()
    }

    // MARK: History

    @Test func theNewestOfTheHistoryComesFirst() throws {
        let test = node()
        for id in ["p1", "p2", "p3"] { test.push(id, to: .group(group("chat:1"))) }
        let anna = try TestConnection.open(test, "anna")
        try anna.receive(#"{"type":"join","group":"chat:1","history":2}"#)
        let frames = try anna.frames()
        #expect(ids(frames) == ["p2", "p3"])
        #expect(frames.pushes.allSatisfy { $0.offset != nil })
        test.push("p4", to: .group(group("chat:1")))
        #expect(ids(try anna.frames()) == ["p4"])
        #expect(test.shard.entering.isEmpty)
        try anna.receive(#"{"type":"publish","group":"chat:1","data":1,"durable":true}"#)
        #expect(try anna.frames().pushes.first?.offset != nil)
        let ben = try TestConnection.open(test, "ben")
        try ben.receive(#"{"type":"join","group":"chat:1","history":1}"#)
        #expect(try ben.frames().pushes.map(\.from) == [client("anna")])
        for connection in [anna, ben] { try connection.drop() }
    }

    @Test func whatComesMeanwhileComesBehindItOnce() throws {
        let entry = GroupEntry(history: 10)
        let first = kept(1, to: .group(group("g")))
        let second = kept(2, to: .group(group("g")))
        let third = kept(3, to: .group(group("g")))
        let transient = BusPush(id: PushID(unchecked: "t"), target: .group(group("g")), payload: text("t"))
        for push in [second, transient, third] { entry.hold(push) }
        entry.page = HistoryPage(newest: historyOffset(2), pushes: [first, second])
        #expect(entry.pushes == [first, second, transient, third])
        for _ in 0..<GroupEntry.maximumHeld { entry.hold(transient) }
        #expect(entry.leftOut == 2)
    }

    @Test func whatTheHistoryHasIsNotMissed() throws {
        let entry = GroupEntry(history: 2)
        let pushes = (1...GroupEntry.maximumHeld + 10).map { kept(UInt64($0), to: .group(group("g"))) }
        for push in pushes { entry.hold(push) }
        #expect(entry.leftOut == 10)
        let newest = historyOffset(UInt64(pushes.count - 1))
        entry.page = HistoryPage(newest: newest, pushes: Array(pushes.suffix(3).dropLast()))
        #expect(entry.leftOut == 0)
        #expect(entry.pushes == Array(pushes.suffix(3)))
    }

    @Test func whatAMemberWasToGetComesWithTheHistory() throws {
        let test = node()
        let name = group("chat:1")
        for id in ["p1", "p2", "p3"] { test.push(id, to: .group(name)) }
        let (anna, ben) = (try TestConnection.open(test, "anna"), try TestConnection.open(test, "ben"))
        for connection in [anna, ben] { #expect(connection.session.join(name)) }
        // All in one turn of the loop.
        for id in ["t1", "t2"] {
            let push = BusPush(id: PushID(unchecked: id), target: .group(name), payload: text(id))
            test.shard.deliver(PreparedPush(push), to: name, nil)
            if id == "t1" { anna.session.enter(name, history: 2, watch: false) }
        }
        test.loop.run()
        #expect(ids(try anna.frames()) == ["p2", "p3", "t1", "t2"])
        #expect(ids(try ben.frames()) == ["t1", "t2"])
        test.push("p4", to: .group(name))
        for connection in [anna, ben] {
            #expect(ids(try connection.frames()) == ["p4"])
            try connection.drop()
        }
    }

    @Test func whatIsOwedComesOnceAndInOrder() {
        let pushes = (1...5).map { kept(UInt64($0), to: .group(group("g"))) }
        let transient = BusPush(id: PushID(unchecked: "t"), target: .group(group("g")), payload: text("t"))
        // More of them than were asked for.
        let entry = GroupEntry(history: 2, owed: [pushes[1], transient, pushes[2], pushes[3]])
        entry.hold(pushes[4])
        #expect(entry.pushes == [pushes[1], transient, pushes[2], pushes[3], pushes[4]])
        entry.page = HistoryPage(newest: historyOffset(4), pushes: Array(pushes[2...3]))
        #expect(entry.pushes == [pushes[1], pushes[2], pushes[3], transient, pushes[4]])
        // What the session has had in that turn is not repeated.
        let other = GroupEntry(history: 3, owed: [pushes[1]], had: [pushes[2]])
        other.page = HistoryPage(newest: historyOffset(3), pushes: Array(pushes[0...2]))
        #expect(other.pushes == [pushes[0], pushes[1]])
    }

    @Test func whoLeavesOnTheWayInIsNotIn() throws {
        let test = node()
        let anna = try TestConnection.open(test, "anna")
        #expect(anna.session.join(group("chat:2")))
        anna.session.enter(group("chat:1"), history: 10, watch: false)
        anna.session.leave(group("chat:1"))
        test.loop.run()
        #expect(anna.session.groupNames == [group("chat:2")])
        #expect(test.shard.groups[group("chat:1")] == nil)
        #expect(test.shard.entering.isEmpty)
        try anna.drop()
    }

    // MARK: Who is there

    @Test func whoWatchesIsToldWhoIsThere() throws {
        let test = node()
        let ben = try TestConnection.open(test, "ben")
        try ben.receive(#"{"type":"join","group":"chat:1"}"#)
        let anna = try TestConnection.open(test, "anna")
        try anna.receive(#"{"type":"join","group":"chat:1","watch":true}"#)
        for _ in 0..<3 { sweep(test) }
        let both = [GroupMember(client: client("anna")), GroupMember(client: client("ben"))]
        #expect(try anna.frames() == [.members(group: group("chat:1"), both, isComplete: true)])
        #expect(try ben.frames() == [])
        try ben.receive(#"{"type":"leave","group":"chat:1"}"#)
        sweep(test)
        let gone: ServerFrame = .presence(group: group("chat:1"), joined: [], left: [client("ben")])
        #expect(try anna.frames() == [gone])
        try ben.receive(#"{"type":"join","group":"chat:1","history":3}"#)
        sweep(test)
        #expect(try anna.frames() == [.presence(group: group("chat:1"), joined: [both[1]], left: [])])
        try ben.drop()
        sweep(test)
        #expect(try anna.frames() == [gone])
        try anna.drop()
        sweep(test)
        #expect(!test.node.groups.isTold)
    }

    @Test func soManyGroupsAreWatchedAndNoMore() throws {
        let test = node { $0.messageRate = 0 }
        let anna = try TestConnection.open(test, "anna")
        for number in 0...GroupWatches.maximumPerSession {
            try anna.receive(#"{"type":"join","group":"g\#(number)","watch":true}"#)
        }
        #expect(error(try anna.frames())?.code == "too_many_watches")
        #expect(anna.session.memberships.count == GroupWatches.maximumPerSession + 1)
        try anna.drop()
    }

    @Test func aNodeWatchesSoManyGroupsAndNoMore() {
        let test = node()
        let place = SessionPlace(shard: 0, slot: 0, generation: 0)
        for number in 0..<GroupWatches.maximumViews {
            #expect(test.node.groups.watch(group("g\(number)"), at: place))
        }
        #expect(!test.node.groups.watch(group("more"), at: place))
        // Another client that watches one of them is no more.
        let other = SessionPlace(shard: 0, slot: 1, generation: 0)
        #expect(test.node.groups.watch(group("g0"), at: other))
    }

    private func sweep(_ test: TestNode) {
        test.node.groups.sweep(test.node)
        test.loop.run()
    }
}
