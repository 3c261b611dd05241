import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct GroupTests {
    /// Every session must know its place in each of its groups, or it would take another one out when it leaves.
    private func placesAreRight(_ sessions: [Session], _ shard: Shard) -> Bool {
        let known = sessions.allSatisfy { session in
            session.memberships.allSatisfy { group, index in
                group.members.indices.contains(index) && group.members[index] === session
            }
        }
        let counted = shard.groups.values.allSatisfy { group in
            !group.members.isEmpty && Set(group.members.map(ObjectIdentifier.init)).count == group.members.count
        }
        return known && counted
    }

    @Test func theLastMemberTakesTheFreePlace() throws {
        let test = TestNode()
        let sessions = try (0..<3).map { _ in try test.member() }
        for session in sessions { #expect(session.join(group("g"))) }
        let members = try #require(test.shard.groups[group("g")])
        sessions[0].leave(group("g"))
        #expect(members.members.map(ObjectIdentifier.init) == [sessions[2], sessions[1]].map(ObjectIdentifier.init))
        sessions[2].leave(group("g"))
        #expect(members.members.map(ObjectIdentifier.init) == [ObjectIdentifier(sessions[1])])
        sessions[1].leave(group("g"))
        #expect(test.shard.groups.isEmpty)
    }

    @Test func joiningTwiceIsJoiningOnce() throws {
        let test = TestNode()
        let session = try test.member()
        #expect(session.join(group("g")))
        #expect(session.join(group("g")))
        #expect(test.shard.groups[group("g")]?.members.count == 1)
        session.leave(group("g"))
        session.leave(group("g"))
        #expect(test.shard.groups.isEmpty)
    }

    @Test func aSessionMayBeInSoManyGroups() throws {
        let test = TestNode { $0.maximumGroups = 2 }
        let session = try test.member()
        #expect(session.join(group("a")))
        #expect(session.join(group("b")))
        #expect(!session.join(group("c")))
        #expect(session.join(group("a")))
        session.leave(group("a"))
        #expect(session.join(group("c")))
        #expect(Set(test.shard.groups.keys) == [group("b"), group("c")])
    }

    @Test func aLimitOfZeroMeansNone() throws {
        let test = TestNode { $0.maximumGroups = 0 }
        let session = try test.member()
        #expect((0..<500).allSatisfy { session.join(group("g\($0)")) })
    }

    @Test(arguments: Seeded.seeds)
    func randomComingAndGoing(seed: UInt64) throws {
        var random = Seeded(seed)
        let test = TestNode()
        let sessions = try (0..<12).map { _ in try test.member() }
        let names = (0..<5).map { group("g\($0)") }
        var model: [GroupName: Set<Int>] = [:]
        for step in 0..<4000 {
            let (who, name) = (random.below(sessions.count), names[random.below(names.count)])
            if random.chance(50) {
                sessions[who].join(name)
                model[name, default: []].insert(who)
            } else {
                sessions[who].leave(name)
                model[name]?.remove(who)
                if model[name]?.isEmpty == true { model[name] = nil }
            }
            let expected = model.mapValues { Set($0.map { ObjectIdentifier(sessions[$0]) }) }
            let found = test.shard.groups.mapValues { Set($0.members.map(ObjectIdentifier.init)) }
            guard found == expected, placesAreRight(sessions, test.shard) else {
                Issue.record("after step \(step) with session \(who) and \(name)")
                return
            }
        }
    }
}
