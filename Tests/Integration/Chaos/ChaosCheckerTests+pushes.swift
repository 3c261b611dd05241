import Testing

extension ChaosCheckerTests {
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
        var run = ChaosCheckerRun()
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
            var run = ChaosCheckerRun()
            run.add(.healed)
            run.push("p1", answered: reply)
            run.look()
            #expect(run.rules == [.notHealed])
        }
    }
}
