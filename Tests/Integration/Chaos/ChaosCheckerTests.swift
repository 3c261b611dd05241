import Testing

@Suite("The judge of chaos")
struct ChaosCheckerTests {
    private typealias Rule = ChaosChecker.Rule

    // MARK: What is right

    @Test("What keeps all promises is not complained about")
    func clean() {
        #expect(
            violations {
                $0.push("p1")
                $0.push("p2")
            } == [])
        #expect(violations { $0.push("p1", answered: .queued) } == [])
        #expect(violations { $0.push("p1", to: .channel("all"), answered: .two) } == [])
    }

    @Test("What was answered with an error may arrive or not, also late")
    func errors() {
        #expect(
            violations {
                $0.send("p1")
                $0.answer("p1", .broken)
            } == [])
        #expect(violations { $0.push("p1", answered: .broken) } == [])
        #expect(
            violations {
                $0.send("p1")
                $0.answer("p1", .broken)
                $0.push("p2")
                $0.handle("p1")
            } == [])
        for (status, code) in [
            (503, "bus_unavailable"), (503, "not_ready"), (502, "node_unavailable"), (409, "push_in_progress"),
        ] {
            #expect(violations { $0.push("p1", answered: PushReply(status: status, code: code)) } == [])
        }
    }

    @Test("A push that was repeated until it was accepted")
    func repeated() {
        #expect(
            violations {
                $0.send("p1")
                $0.answer("p1", .broken)
                $0.send("p1")
                $0.handle("p1")
                $0.answer("p1", .delivered)
            } == [])
    }

    @Test("Pushes that were under way at the same time have no order")
    func concurrent() {
        #expect(
            violations {
                $0.send("p1")
                $0.send("p2")
                $0.handle("p2")
                $0.handle("p1")
                $0.answer("p1", .delivered)
                $0.answer("p2", .delivered)
            } == [])
    }

    @Test("A hole that was told excuses what was sent before it, and nothing else")
    func holes() {
        let before = violations {
            $0.send("p1", to: .channel("all"))
            $0.answer("p1", .two)
            $0.handle("p1", by: "b", channel: "all")
            $0.add(.missed(client: "a", channel: "all"))
        }
        #expect(before == [])
        let after = violations {
            $0.add(.missed(client: "a", channel: "all"))
            $0.send("p1", to: .channel("all"))
            $0.answer("p1", .two)
            $0.handle("p1", by: "b", channel: "all")
        }
        #expect(after == [.pushLost])
        let elsewhere = violations {
            $0.send("p1")
            $0.answer("p1", .delivered)
            $0.add(.missed(client: "a", channel: "all"))
        }
        #expect(elsewhere == [.pushLost])
    }

    // MARK: What is wrong with pushes

    @Test("Accepted and never handled")
    func lost() {
        #expect(
            violations {
                $0.send("p1")
                $0.answer("p1", .delivered)
            } == [.pushLost])
        #expect(
            violations {
                $0.send("p1")
                $0.answer("p1", .queued)
            } == [.pushLost])
        #expect(
            violations {
                $0.send("p1", to: .channel("all"))
                $0.answer("p1", .two)
                $0.handle("p1", channel: "all")
            } == [.pushLost])
    }

    @Test("Handled twice, whatever the answer was")
    func twice() {
        #expect(
            violations {
                $0.push("p1")
                $0.handle("p1")
            } == [.pushTwice])
        #expect(
            violations {
                $0.push("p1", answered: .broken)
                $0.push("p2")
                $0.handle("p1")
            } == [.pushTwice])
    }

    @Test("Handled behind one that was sent after it had been accepted")
    func reordered() {
        let all = violations {
            $0.send("p1")
            $0.answer("p1", .delivered)
            $0.send("p2")
            $0.handle("p2")
            $0.handle("p1")
            $0.answer("p2", .delivered)
        }
        #expect(all == [.pushReordered])
        let overtaken = violations {
            $0.send("p1")
            $0.answer("p1", .queued)
            $0.push("p2", answered: .broken)
            $0.handle("p1")
        }
        #expect(overtaken == [.pushReordered], "also by one whose sender was told of an error")
    }

    @Test("Never sent, or not to this client, or something else")
    func forged() {
        #expect(violations { $0.handle("p1") } == [.pushForged])
        #expect(
            violations {
                $0.push("p1")
                $0.handle("p1", by: "b")
            } == [.pushForged])
        #expect(
            violations {
                $0.send("p1")
                $0.answer("p1", .broken)
                $0.handle("p1", channel: "all")
            } == [.pushForged])
        #expect(
            violations {
                $0.send("p1")
                $0.answer("p1", .delivered)
                $0.add(.handled(client: "a", push: "p1", channel: "client", payload: "other"))
            } == [.pushForged])
    }

    @Test("Something is left in a mailbox")
    func left() {
        var run = Run()
        run.push("p1")
        run.add(.healed)
        run.add(.mailbox(client: "a", count: 1))
        run.add(.mailbox(client: "b", count: 0))
        #expect(run.rules == [.mailboxLeft])
    }

    @Test(
        "Answers that contradict themselves",
        arguments: [
            (200, [1, 0, 0, 0, 0, 0, 1]), (200, [1, 1, 0, 1, 0, 0, 1]), (202, [0, 0, 0, 0, 1, 0, 0]),
            (202, [0, 0, 0, 0, 0, 0, 0]), (200, [0, 0, 0, 1, 1, 0, 0]), (200, [2, 2, 0, 0, 0, 0, 1]),
            (200, [1, 1, 2, 0, 0, 0, 1]), (200, [1, 1, 0, 0, 0, 0, 0]), (200, [1, 1, 0, 0, 1, 0, 1]),
            (200, [1, 1, 1, 0, 0, 0, 1]),
        ])
    func sums(status: Int, counts: [Int]) {
        #expect(violations { $0.push("p1", answered: PushReply(status, counts)) } == [.answerFalse])
    }

    @Test("Acked before it was handled")
    func ackedTooSoon() {
        let acked = PushReply(200, [1, 1, 1, 0, 0, 0, 1])
        #expect(violations { $0.push("p1", answered: acked, waits: true) } == [])
        #expect(
            violations {
                $0.send("p1", waits: true)
                $0.answer("p1", acked)
                $0.handle("p1")
            } == [.answerFalse])
    }

    @Test("A repetition is answered otherwise")
    func otherwise() {
        #expect(
            violations {
                $0.push("p1")
                $0.send("p1")
                $0.answer("p1", .queued)
            } == [.answerFalse])
    }

    @Test("Statuses that nothing gives reason for")
    func odd() {
        for (status, code) in [(500, "internal_error"), (429, "mailbox_full"), (404, "client_offline"), (503, nil)] {
            #expect(violations { $0.push("p1", answered: PushReply(status: status, code: code)) } == [.answerOdd])
        }
    }

    @Test("After everything is well again nothing fails")
    func notHealed() {
        for reply in [PushReply.broken, .queued, PushReply(status: 503, code: "not_ready")] {
            var run = Run()
            run.add(.healed)
            run.push("p1", answered: reply)
            run.look()
            #expect(run.rules == [.notHealed])
        }
    }

    // MARK: What is wrong with commands

    @Test("Commands that keep all promises")
    func commands() {
        let replies = [
            CommandReply(status: 200, result: CommandEnd(status: 200, run: "r")), .init(status: 0),
            .init(status: 503, code: "bus_unavailable"), .init(status: 502, code: "node_unavailable"),
        ]
        for reply in replies { #expect(violations { $0.command("c1", reply) } == []) }
        #expect(
            violations {
                $0.ask("c1")
                $0.reply("c1", .init(status: 404, code: "client_offline"))
            } == [])
    }

    @Test("A command is run twice, or by another client")
    func commandRuns() {
        let well = CommandReply(status: 200, result: CommandEnd(status: 200, run: "r"))
        #expect(
            violations {
                $0.command("c1", well)
                $0.add(.began(client: "a", command: "c1"))
            } == [.commandTwice])
        #expect(
            violations {
                $0.ask("c1")
                $0.add(.began(client: "b", command: "c1"))
                $0.reply("c1", .init(status: 0))
            } == [.commandForged])
    }

    @Test("Results that are not the client's")
    func results() {
        func answered(_ status: Int, _ run: String?) -> CommandReply {
            CommandReply(status: 200, result: CommandEnd(status: status, run: run))
        }
        #expect(violations { $0.command("c1", answered(200, "other")) } == [.answerFalse])
        #expect(violations { $0.command("c1", answered(500, nil)) } == [.answerFalse])
        #expect(
            violations {
                $0.ask("c1")
                $0.reply("c1", answered(200, "r"))
            } == [.answerFalse])
        #expect(
            violations {
                $0.ask("c1")
                $0.reply("c1", answered(499, nil))
            } == [])
        #expect(
            violations {
                $0.command("c1", answered(200, "r"))
                $0.ask("c1")
                $0.reply("c1", answered(499, nil))
            } == [.answerFalse])
        #expect(
            violations {
                $0.ask("c1")
                $0.reply("c1", .init(status: 200))
            } == [.answerFalse])
    }

    @Test("Said to be offline or silent when it was not, or too soon")
    func tooSoon() {
        let offline = CommandReply(status: 404, code: "client_offline")
        let silent = CommandReply(status: 504, code: "no_result")
        #expect(violations { $0.command("c1", offline) } == [.answerFalse])
        #expect(
            violations {
                $0.ask("c1")
                $0.time += 3.9
                $0.reply("c1", silent)
            } == [])
        #expect(
            violations {
                $0.ask("c1")
                $0.time += 3
                $0.reply("c1", silent)
            } == [.answerFalse])
        #expect(
            violations {
                $0.ask("c1", connectTimeout: 3)
                $0.time += 1
                $0.reply("c1", offline)
            } == [.answerFalse])
        #expect(
            violations {
                $0.ask("c1", connectTimeout: 3)
                $0.time += 3
                $0.reply("c1", offline)
            } == [])
    }

    // MARK: What is wrong with the run

    @Test("A run that is not whole proves nothing")
    func absurd() {
        #expect(Set(ChaosChecker.violations(of: ChaosHistory()).map(\.rule)) == [.historyAbsurd])
        #expect(violations { $0.send("p1") } == [.historyAbsurd])
        #expect(violations { $0.ask("c1") } == [.historyAbsurd])
        #expect(violations { $0.add(.agentGaveUp(client: "a", why: "4003")) } == [.agentGaveUp])
        var run = Run()
        run.add(.healed)
        run.add(.mailbox(client: "a", count: 0))
        #expect(run.rules == [.historyAbsurd])
    }

    private func violations(_ body: (inout Run) -> Void) -> [ChaosChecker.Rule] {
        var run = Run()
        body(&run)
        run.add(.healed)
        run.look()
        return run.rules
    }
}

/// Writes a history of the agents `a` and `b`.
private struct Run {
    private var history = ChaosHistory()
    var time = 0.0

    init() {
        for name in ["a", "b"] { add(.member(client: name, channels: ["all"])) }
    }

    /// Each rule once.
    var rules: [ChaosChecker.Rule] {
        var seen: Set<ChaosChecker.Rule> = []
        return ChaosChecker.violations(of: history).map(\.rule).filter { seen.insert($0).inserted }
    }

    mutating func add(_ event: ChaosEvent) { history.add(event, at: time) }

    mutating func look() {
        for name in ["a", "b"] { add(.mailbox(client: name, count: 0)) }
    }

    mutating func send(_ id: String, to target: ChaosTarget = .client("a"), waits: Bool = false) {
        add(.pushSent(id: id, to: target, payload: id, waits: waits))
    }

    mutating func answer(_ id: String, _ reply: PushReply) {
        var reply = reply
        reply.answer?.id = id
        add(.pushAnswered(id: id, reply))
    }

    mutating func handle(_ id: String, by client: String = "a", channel: String = "client") {
        add(.handled(client: client, push: id, channel: channel, payload: id))
    }

    /// Sent, handled by everyone and answered.
    mutating func push(
        _ id: String, to target: ChaosTarget = .client("a"), answered reply: PushReply = .delivered, waits: Bool = false
    ) {
        send(id, to: target, waits: waits)
        handle(id, channel: target.channel)
        if target != .client("a") { handle(id, by: "b", channel: target.channel) }
        answer(id, reply)
    }

    mutating func ask(_ id: String, connectTimeout: Double = 0) {
        add(.commandSent(id: id, client: "a", timeout: 4, connectTimeout: connectTimeout))
    }

    mutating func reply(_ id: String, _ reply: CommandReply) { add(.commandAnswered(id: id, reply)) }

    /// Sent, run with the result `r`, and answered.
    mutating func command(_ id: String, _ reply: CommandReply) {
        ask(id)
        add(.began(client: "a", command: id))
        add(.ended(client: "a", command: id, CommandEnd(status: 200, run: "r")))
        self.reply(id, reply)
    }
}

extension PushReply {
    fileprivate init(_ status: Int, _ counts: [Int]) {
        self.init(
            status: status, code: nil,
            answer: PushAnswer(
                id: "", matched: counts[0], delivered: counts[1], acked: counts[2], queued: counts[3],
                offline: counts[4], dropped: counts[5], nodes: counts[6]))
    }

    fileprivate static let delivered = PushReply(200, [1, 1, 0, 0, 0, 0, 1])
    fileprivate static let queued = PushReply(202, [0, 0, 0, 1, 1, 0, 0])
    /// To all channels of the two.
    fileprivate static let two = PushReply(200, [2, 2, 0, 0, 0, 0, 1])
    fileprivate static let broken = PushReply(status: 0)
}

@Suite("Scenarios of chaos")
struct ChaosScenarioTests {
    @Test("The same seed gives the same scenario, another one another")
    func seeds() {
        #expect(ChaosScenario(seed: 1, nodes: 3).events == ChaosScenario(seed: 1, nodes: 3).events)
        #expect(ChaosScenario(seed: 1, nodes: 3).events != ChaosScenario(seed: 2, nodes: 3).events)
    }

    @Test("Each has everything that chaos is made of, and leaves the frozen node frozen", arguments: 1...50)
    func complete(seed: UInt64) {
        let scenario = ChaosScenario(seed: seed, nodes: 3)
        var kinds: [String: Int] = [:]
        var frozen: (node: Int, at: Double)?
        for event in scenario.events {
            #expect((0...scenario.length).contains(event.at))
            switch event.step {
            case .kill: kinds["kill", default: 0] += 1
            case .freeze(let node, let time):
                kinds["freeze", default: 0] += 1
                frozen = (node, event.at)
                #expect(time == 20 && event.at + time < scenario.length)
            case .restartRedis: kinds["redis", default: 0] += 1
            case .reloadProxy: kinds["proxy", default: 0] += 1
            case .cut: kinds["cut", default: 0] += 1
            case .restartAgent: kinds["agent", default: 0] += 1
            }
        }
        #expect(kinds["freeze"] == 1 && kinds["redis"] == 1 && kinds["proxy"] == 2)
        #expect(kinds["kill", default: 0] >= 2 && kinds["cut", default: 0] > 9 && kinds["agent", default: 0] > 9)
        for event in scenario.events {
            if case .kill(let node, let downFor) = event.step, let frozen, node == frozen.node {
                #expect(event.at + downFor <= frozen.at || event.at >= frozen.at + 20)
            }
        }
    }
}
