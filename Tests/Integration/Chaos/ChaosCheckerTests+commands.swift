import Testing

extension ChaosCheckerTests {
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
}
