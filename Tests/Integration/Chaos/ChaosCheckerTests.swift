import Testing

@Suite("The judge of chaos")
struct ChaosCheckerTests {
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

    // MARK: What is wrong with the run

    @Test("A run that is not whole proves nothing")
    func absurd() {
        #expect(Set(ChaosChecker.violations(of: ChaosHistory()).map(\.rule)) == [.historyAbsurd])
        #expect(violations { $0.send("p1") } == [.historyAbsurd])
        #expect(violations { $0.ask("c1") } == [.historyAbsurd])
        #expect(violations { $0.add(.agentGaveUp(client: "a", why: "4003")) } == [.agentGaveUp])
        var run = ChaosCheckerRun()
        run.add(.healed)
        run.add(.mailbox(client: "a", count: 0))
        #expect(run.rules == [.historyAbsurd])
    }
}
