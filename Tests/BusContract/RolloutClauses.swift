import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

extension BusContract {
    /// What a roll-out is, how far it is, and who leads it.
    static let rollouts: [ContractClause] = [
        ContractClause("a roll-out is there for all nodes, with its clients in order") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let names = (0..<2500).map { client("c\(2500 - $0)") }
            let definition = rollout("r", total: names.count)
            #expect(try await first.store.rollouts.status(definition.id) == nil)
            #expect(try await first.store.rollouts.create(definition, clients: names) == .created)
            let status = try #require(await second.store.rollouts.status(definition.id))
            #expect(status == RolloutStatus(definition: definition))
            #expect(status.state == "canary")
            #expect(try await second.store.rollouts.active() == [definition.id])
            let all = try await second.store.rollouts.clients(of: definition.id, from: 0, limit: 5000)
            #expect(all.map(\.client) == names)
            #expect(all.map(\.index) == Array(names.indices))
            let page = try await second.store.rollouts.clients(of: definition.id, from: 1998, limit: 3)
            #expect(page.map(\.client) == Array(names[1998..<2001]))
            #expect(try await second.store.rollouts.clients(of: definition.id, from: 2500, limit: 3).isEmpty)
            #expect(try await second.store.rollouts.clients(of: RolloutID(unchecked: "x"), from: 0, limit: 3).isEmpty)
        },
        ContractClause("of two roll-outs with one id the first stays") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let (one, other) = (rollout("r", total: 1), rollout("r", total: 2))
            #expect(try await first.store.rollouts.create(one, clients: [client("a")]) == .created)
            let creation = try await second.store.rollouts.create(other, clients: [client("a"), client("b")])
            #expect(creation == .exists(RolloutStatus(definition: one)))
            #expect(try await second.store.rollouts.clients(of: one.id, from: 0, limit: 9).count == 1)
        },
        ContractClause("of requests with one id at the same moment one creates") { cluster in
            let nodes = [try await cluster.node("n1"), try await cluster.node("n2")]
            let names = (0..<1500).map { client("c\($0)") }
            let definition = rollout("r", total: names.count)
            let created = try await withThrowingTaskGroup(of: RolloutCreation.self) { tasks in
                for index in 0..<6 {
                    tasks.addTask { try await nodes[index % 2].store.rollouts.create(definition, clients: names) }
                }
                return try await tasks.reduce(into: []) { $0.append($1) }
            }
            #expect(created.count { $0 == .created } <= 1)
            // All may have met another; then the next one creates it.
            if !created.contains(.created) {
                _ = try await nodes[0].store.rollouts.create(definition, clients: names)
            }
            let all = try await nodes[1].store.rollouts.clients(of: definition.id, from: 0, limit: 5000)
            #expect(all.map(\.client) == names)
        },
        ContractClause("roll-outs are listed page by page, the newest first") { cluster in
            let node = try await cluster.node("n1")
            for index in 0..<5 {
                _ = try await node.store.rollouts.create(
                    rollout("r\(index)", total: 1, createdAt: UInt64(1000 + index)), clients: [client("a")])
            }
            let page = try await node.store.rollouts.list(limit: 3, after: nil)
            #expect(page.map(\.definition.id.rawValue) == ["r4", "r3", "r2"])
            // Targets and payloads may be long, and are not shown in lists.
            let newest = rollout("r4", total: 1, createdAt: 1004)
            #expect(page.first == RolloutStatus(definition: newest.listed))
            #expect(try await node.store.rollouts.status(newest.id)?.definition == newest)
            let rest = try await node.store.rollouts.list(limit: 3, after: page.last?.definition.id)
            #expect(rest.map(\.definition.id.rawValue) == ["r1", "r0"])
            #expect(try await node.store.rollouts.list(limit: 3, after: RolloutID(unchecked: "x")).isEmpty)
        },
        ContractClause("no more are active than the limit, until one is retired") { cluster in
            let node = try await cluster.node("n1")
            for index in 0..<RolloutLifetime.maximumActive {
                let creation = try await node.store.rollouts.create(
                    rollout("r\(index)", total: 1), clients: [client("a")])
                #expect(creation == .created)
            }
            let more = rollout("more", total: 1)
            #expect(try await node.store.rollouts.create(more, clients: [client("a")]) == .full)
            try await node.store.rollouts.retire(RolloutID(unchecked: "r7"))
            #expect(try await node.store.rollouts.create(more, clients: [client("a")]) == .created)
            // What is retired is still shown.
            #expect(try await node.store.rollouts.status(RolloutID(unchecked: "r7")) != nil)
            #expect(try await node.store.rollouts.active().count == RolloutLifetime.maximumActive)
        },
        ContractClause("one node leads at a time, and the next one has a higher term") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let id = try await first.begin("r", total: 3)
            let term = try #require(await first.store.rollouts.claim(id, by: first.id, lease: 60_000))
            #expect(try await second.store.rollouts.claim(id, by: second.id, lease: 60_000) == nil)
            #expect(try await first.store.rollouts.claim(id, by: first.id, lease: 60_000) == nil)
            #expect(try await second.store.rollouts.status(id)?.leader == first.id)
            // Only the term that leads can give it up.
            try await second.store.rollouts.release(id, term: term + 1)
            #expect(try await second.store.rollouts.claim(id, by: second.id, lease: 60_000) == nil)
            try await first.store.rollouts.release(id, term: term)
            let next = try #require(await second.store.rollouts.claim(id, by: second.id, lease: 60_000))
            #expect(next > term)
            #expect(try await first.store.rollouts.claim(RolloutID(unchecked: "x"), by: first.id, lease: 1) == nil)
        },
        ContractClause("a node that is started anew takes over what it led before, at once") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let id = try await first.begin("r", total: 3)
            let old = try #require(
                await first.store.rollouts.claim(id, by: first.id, run: "old", lease: 60_000))
            #expect(try await second.store.rollouts.claim(id, by: second.id, run: "new", lease: 60_000) == nil)
            #expect(try await first.store.rollouts.claim(id, by: first.id, run: "old", lease: 60_000) == nil)
            let new = try #require(
                await first.store.rollouts.claim(id, by: first.id, run: "new", lease: 60_000))
            #expect(new > old)
            #expect(try await first.advance(id, old, progress(started: 1)) == .lost)
            #expect(try await first.advance(id, new, progress(started: 1)) == .kept(isHeld: false, end: nil))
            #expect(try await first.store.rollouts.claim(id, by: first.id, run: "new", lease: 60_000) == nil)
        },
        ContractClause("a lease that is not renewed ends, and what its leader writes then is refused") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let id = try await first.begin("r", total: 3)
            let old = try #require(await first.store.rollouts.claim(id, by: first.id, lease: 1))
            let found = try await eventually {
                try await second.store.rollouts.claim(id, by: second.id, lease: 60_000)
            } until: {
                $0 != nil
            }
            let new = try #require(found)
            let outcome = RolloutOutcome(status: 200, at: 5)
            let late = RolloutAdvance(
                term: old, lease: 60_000, progress: progress(started: 2, succeeded: 1), outcomes: [(0, outcome)],
                end: RolloutEnd(.done, at: 5))
            #expect(try await first.store.rollouts.advance(id, late) == .lost)
            let status = try #require(await first.store.rollouts.status(id))
            #expect((status.progress, status.end) == (RolloutProgress(), nil))
            #expect(try await first.store.rollouts.clients(of: id, from: 0, limit: 3).allSatisfy { $0.outcome == nil })
            let kept = RolloutHeading.kept(isHeld: false, end: nil)
            #expect(try await second.advance(id, new, progress(started: 2)) == kept)
            #expect(try await first.store.rollouts.advance(RolloutID(unchecked: "x"), late) == .lost)
        },
        ContractClause("what a leader has written is what the next one finds") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let id = try await first.begin("r", total: 2000)
            let term = try #require(await first.store.rollouts.claim(id, by: first.id, lease: 60_000))
            var progress = progress(started: 1500, succeeded: 999, failed: 1)
            progress.phase = .running
            var outcomes = (0..<999).map { (index: $0, outcome: RolloutOutcome(status: 204, at: 7)) }
            outcomes.append((1234, RolloutOutcome(failure: "status", status: 500, at: 8)))
            #expect(try await first.advance(id, term, progress, outcomes) == .kept(isHeld: false, end: nil))
            let status = try #require(await second.store.rollouts.status(id))
            #expect(status.progress == progress)
            #expect(status.state == "running")
            let all = try await second.store.rollouts.clients(of: id, from: 0, limit: 2000)
            #expect(all.count { $0.outcome != nil } == 1000)
            #expect(all[0].outcome == RolloutOutcome(status: 204, at: 7))
            #expect(all[1234].outcome == RolloutOutcome(failure: "status", status: 500, at: 8))
        },
        ContractClause("once it is paused nobody is begun, and what was learnt is kept") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let id = try await first.begin("r", total: 10)
            let term = try #require(await first.store.rollouts.claim(id, by: first.id, lease: 60_000))
            _ = try await first.advance(id, term, progress(started: 2))
            #expect(try await second.store.rollouts.control(id, .pause) == .changed)
            #expect(try await second.store.rollouts.control(id, .pause) == .unchanged)
            let outcome = (index: 0, outcome: RolloutOutcome(at: 5))
            let more = progress(started: 3, succeeded: 1)
            #expect(try await first.advance(id, term, more, [outcome]) == .notBegun(isHeld: true, end: nil))
            let status = try #require(await second.store.rollouts.status(id))
            #expect((status.progress.started, status.progress.succeeded, status.state) == (2, 1, "paused"))
            #expect(try await second.store.rollouts.clients(of: id, from: 0, limit: 1)[0].outcome != nil)
            let nobody = progress(started: 2, succeeded: 1)
            #expect(try await first.advance(id, term, nobody) == .kept(isHeld: true, end: nil))
            #expect(try await second.store.rollouts.control(id, .resume) == .changed)
            #expect(try await second.store.rollouts.control(id, .resume) == .unchanged)
            #expect(try await first.advance(id, term, more) == .kept(isHeld: false, end: nil))
            #expect(try await second.store.rollouts.status(id)?.progress.started == 3)
        },
        ContractClause("an abort stays, and nobody is begun after it") { cluster in
            let (first, second) = (try await cluster.node("n1"), try await cluster.node("n2"))
            let id = try await first.begin("r", total: 10)
            let term = try #require(await first.store.rollouts.claim(id, by: first.id, lease: 60_000))
            _ = try await first.advance(id, term, progress(started: 2))
            #expect(try await second.store.rollouts.control(id, .abort(reason: "wrong \"x\"")) == .changed)
            for order in [RolloutOrder.pause, .resume, .abort(reason: "again")] {
                #expect(try await second.store.rollouts.control(id, order) == .ended)
            }
            #expect(
                try await first.advance(id, term, progress(started: 3)) == .notBegun(isHeld: false, end: .aborted))
            // The first end counts.
            let done = RolloutEnd(.done, at: 5)
            let rest = progress(started: 2, succeeded: 2)
            #expect(
                try await first.advance(id, term, rest, end: done) == .kept(isHeld: false, end: .aborted))
            let status = try #require(await second.store.rollouts.status(id))
            #expect((status.state, status.end?.reason) == ("aborted", "wrong \"x\""))
            #expect(status.isFinished)
            #expect(try await second.store.rollouts.control(RolloutID(unchecked: "x"), .pause) == nil)
        },
        ContractClause("a leader ends it, and it needs no leader any more") { cluster in
            let node = try await cluster.node("n1")
            let id = try await node.begin("r", total: 1)
            let term = try #require(await node.store.rollouts.claim(id, by: node.id, lease: 60_000))
            let end = RolloutEnd(.done, at: WallClock.milliseconds())
            let whole = progress(started: 1, succeeded: 1)
            #expect(try await node.advance(id, term, whole, end: end) == .kept(isHeld: false, end: .done))
            try await node.store.rollouts.retire(id)
            #expect(try await node.store.rollouts.active().isEmpty)
            #expect(try await node.store.rollouts.status(id)?.state == "done")
        },
    ]
}

private func rollout(_ id: String, total: Int, createdAt: UInt64 = 1_700_000_000_000) -> RolloutDefinition {
    let payload = Payload(format: .json, bytes: ByteBuffer(string: "{\"a\" : 1}"))
    return RolloutDefinition(
        id: RolloutID(unchecked: id), target: .group(group("g")),
        work: .command(RolloutWork.Command(name: "update", payload: payload, timeout: 5)),
        terms: RolloutTerms(total: total, canary: 1, rate: 600, share: 0.1, minimum: 10, canaryWait: 30),
        createdAt: createdAt, author: "tests", fingerprint: UInt64(total))
}

private func progress(started: Int, succeeded: Int = 0, failed: Int = 0) -> RolloutProgress {
    var progress = RolloutProgress()
    (progress.started, progress.succeeded, progress.failed) = (started, succeeded, failed)
    return progress
}

extension RolloutStore {
    /// By the one process that the node has.
    fileprivate func claim(_ id: RolloutID, by node: NodeID, lease: Int) async throws -> Int? {
        try await claim(id, by: node, run: "run of \(node)", lease: lease)
    }
}

extension Node {
    fileprivate func begin(_ id: String, total: Int) async throws -> RolloutID {
        let definition = rollout(id, total: total)
        _ = try await store.rollouts.create(definition, clients: (0..<total).map { client("c\($0)") })
        return definition.id
    }

    fileprivate func advance(
        _ id: RolloutID, _ term: Int, _ progress: RolloutProgress,
        _ outcomes: [(index: Int, outcome: RolloutOutcome)] = [], end: RolloutEnd? = nil
    ) async throws -> RolloutHeading {
        try await store.rollouts.advance(
            id, RolloutAdvance(term: term, lease: 60_000, progress: progress, outcomes: outcomes, end: end))
    }
}
