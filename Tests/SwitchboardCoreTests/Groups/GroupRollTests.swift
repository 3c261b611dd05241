import SwitchboardProtocol
import Testing

@testable import SwitchboardCore

@Suite struct GroupRollTests {
    private func place(_ slot: UInt32) -> SessionPlace { SessionPlace(shard: 0, slot: slot, generation: 0) }

    private func member(_ name: String, _ labels: [String: String] = [:]) -> GroupMember {
        GroupMember(client: client(name), labels: labels)
    }

    @Test func whoComesAndLeavesIsToldOnce() throws {
        var roll = GroupRoll()
        roll.add(member("b"), at: place(1))
        roll.add(member("a", ["role": "till"]), at: place(2))
        let firstNews = roll.takeChange()
        let first = try #require(firstNews)
        #expect(first.joined == [member("a", ["role": "till"]), member("b")])
        #expect(first.left == [])
        let nothing1 = roll.takeChange()
        #expect(nothing1 == nil)
        roll.remove(client("a"), at: place(2))
        let secondNews = roll.takeChange()
        let second = try #require(secondNews)
        #expect(second.joined == [])
        #expect(second.left == [client("a")])
        #expect(roll.members == [member("b")])
    }

    @Test func aClientThatConnectsAnewNeitherLeavesNorJoins() {
        var roll = GroupRoll()
        roll.add(member("a"), at: place(1))
        _ = roll.takeChange()
        roll.add(member("a"), at: place(2))
        roll.remove(client("a"), at: place(1))
        let nothing2 = roll.takeChange()
        #expect(nothing2 == nil)
        #expect(roll.members == [member("a")])
    }

    @Test func otherLabelsAreTold() throws {
        var roll = GroupRoll()
        roll.add(member("a"), at: place(1))
        _ = roll.takeChange()
        roll.add(member("a", ["x": "1"]), at: place(2))
        let change1 = roll.takeChange()
        #expect(try #require(change1).joined == [member("a", ["x": "1"])])
    }

    @Test func whatIsBeyondTheLimitIsNotKept() throws {
        var roll = GroupRoll(limit: 2)
        for (index, name) in ["a", "b", "c"].enumerated() { roll.add(member(name), at: place(UInt32(index))) }
        #expect(roll.count == 2)
        #expect(!roll.isComplete)
        let change2 = roll.takeChange()
        #expect(try #require(change2).joined.map(\.client) == [client("a"), client("b")])
        roll.remove(client("c"), at: place(2))
        let nothing3 = roll.takeChange()
        #expect(nothing3 == nil)
    }

    @Test func whoWasNotThereDoesNotLeave() {
        var roll = GroupRoll()
        roll.remove(client("a"), at: place(1))
        let nothing4 = roll.takeChange()
        #expect(nothing4 == nil)
    }
}

@Suite struct GroupViewTests {
    private let one = NodeID(unchecked: "n1")
    private let two = NodeID(unchecked: "n2")

    private func members(_ names: String...) -> [GroupMember] { names.map { GroupMember(client: client($0)) } }

    private func whole(_ node: NodeID, _ sequence: Int, _ names: String...) -> GroupChange {
        GroupChange(
            group: group("g"), node: node, sequence: sequence, begins: true, ends: true,
            joined: names.map { GroupMember(client: client($0)) })
    }

    private func change(_ node: NodeID, _ sequence: Int, joined: [String] = [], left: [String] = []) -> GroupChange {
        GroupChange(
            group: group("g"), node: node, sequence: sequence, joined: joined.map { GroupMember(client: client($0)) },
            left: left.map { client($0) })
    }

    @Test func theMembersOfAllNodesAreOneList() throws {
        var view = GroupView()
        #expect(!view.isWhole([one, two]))
        let isHeard = [view.take(whole(one, 4, "a")), view.take(whole(two, 9, "b"))]
        #expect(isHeard == [true, true])
        #expect(view.isWhole([one, two]))
        let change3 = view.takeDifference()
        #expect(try #require(change3).joined == members("a", "b"))
        #expect(view.members == members("a", "b"))
        #expect(view.isComplete)
        let nothing5 = view.takeDifference()
        #expect(nothing5 == nil)
    }

    @Test func aClientThatMovesIsNotTold() {
        var view = GroupView()
        _ = view.take(whole(one, 0, "a"))
        _ = view.take(whole(two, 0))
        _ = view.takeDifference()
        let isHeard = [view.take(change(two, 1, joined: ["a"])), view.take(change(one, 1, left: ["a"]))]
        #expect(isHeard == [true, true])
        let nothing6 = view.takeDifference()
        #expect(nothing6 == nil)
        #expect(view.members == members("a"))
    }

    @Test func aHoleAsksForEverything() throws {
        var view = GroupView()
        let isUnknownHeard = view.take(change(one, 1, joined: ["a"]))
        #expect(!isUnknownHeard)
        _ = view.take(whole(one, 1, "a"))
        _ = view.takeDifference()
        let isHoleHeard = view.take(change(one, 3, joined: ["c"]))
        #expect(!isHoleHeard)
        #expect(view.members == members("a"))
        _ = view.take(whole(one, 3, "b", "c"))
        let newsNews = view.takeDifference()
        let news = try #require(newsNews)
        #expect(news.joined == members("b", "c"))
        #expect(news.left == [client("a")])
    }

    @Test func aListComesInPieces() {
        var view = GroupView()
        let pieces = [
            GroupChange(group: group("g"), node: one, sequence: 5, begins: true, joined: members("a")),
            GroupChange(group: group("g"), node: one, sequence: 5, joined: members("b")),
            GroupChange(group: group("g"), node: one, sequence: 5, ends: true, joined: members("c")),
        ]
        for piece in pieces {
            #expect(!view.isWhole([one]))
            let isHeard = view.take(piece)
            #expect(isHeard)
        }
        #expect(view.isWhole([one]))
        let isNextHeard = view.take(change(one, 6, left: ["b"]))
        #expect(isNextHeard)
        _ = view.takeDifference()
        #expect(view.members == members("a", "c"))
    }

    @Test func whatWasKnownHoldsUntilANewListIsWhole() {
        var view = GroupView()
        _ = view.take(whole(one, 5, "a", "b"))
        _ = view.takeDifference()
        let pieces = [
            GroupChange(group: group("g"), node: one, sequence: 5, begins: true, joined: members("a")),
            GroupChange(group: group("g"), node: one, sequence: 5, ends: true, joined: members("b")),
        ]
        for piece in pieces {
            let isHeard = view.take(piece)
            #expect(isHeard)
            let nothing = view.takeDifference()
            #expect(nothing == nil)
        }
        #expect(view.isComplete)
    }

    @Test func noNumberIsTooGreat() {
        var view = GroupView()
        _ = view.take(whole(one, .max, "a"))
        let isHeard = view.take(change(one, 1, joined: ["b"]))
        #expect(!isHeard)
    }

    @Test func aNodeThatIsGoneHasNoMembers() throws {
        var view = GroupView()
        _ = view.take(whole(one, 0, "a", "both"))
        _ = view.take(whole(two, 0, "b", "both"))
        _ = view.takeDifference()
        view.keep([one])
        let change4 = view.takeDifference()
        #expect(try #require(change4).left == [client("b")])
        #expect(view.members == members("a", "both"))
    }

    @Test func whatIsBeyondTheLimitIsNotListed() throws {
        var view = GroupView(limit: 2)
        _ = view.take(whole(one, 0, "a", "b", "c"))
        let change5 = view.takeDifference()
        #expect(try #require(change5).joined == members("a", "b"))
        #expect(!view.isComplete)
        _ = view.take(change(one, 1, left: ["a"]))
        let newsNews = view.takeDifference()
        let news = try #require(newsNews)
        #expect(news.joined == members("c"))
        #expect(news.left == [client("a")])
        #expect(view.isComplete)
    }
}
