extension ChaosChecker {
    mutating func checkCommands() {
        for (id, command) in digest.commands {
            if command.began.count > 1 {
                report(.commandTwice, client: command.client, id: id, "run \(command.began.count) times")
            }
            for run in command.began where run.client != command.client || run.at < command.sent {
                report(.commandForged, client: run.client, id: id, "not meant for it")
            }
            for reply in command.replies { check(reply, to: command, id) }
            let results = command.replies.compactMap(\.value.result)
            if Set(results).count > 1 {
                report(.answerFalse, id: id, "a repetition was answered otherwise: \(results)")
            }
            if !command.began.isEmpty, command.replies.allSatisfy({ $0.value.code == "client_offline" }) {
                report(.answerFalse, client: command.client, id: id, "said to be offline, and has run it")
            }
        }
    }

    private mutating func check(
        _ reply: ChaosDigest.Reply<CommandReply>, to command: ChaosDigest.Command, _ id: String
    ) {
        let value = reply.value
        if digest.isHealed(at: reply.sent), value.status != 200 {
            report(.notHealed, client: command.client, id: id, "answered \(value)")
        }
        switch (value.status, value.code) {
        case (200, _):
            if let flaw = flaw(in: value.result, command, reply) {
                report(.answerFalse, client: command.client, id: id, "\(flaw): \(value)")
            }
        // Nobody says sooner than asked that the client is not there, or does not answer.
        case (404, "client_offline"):
            if reply.seconds < command.connectTimeout - Self.tolerance {
                report(.answerFalse, client: command.client, id: id, "offline after \(reply.seconds) s")
            }
        case (504, "no_result"):
            if reply.seconds < command.timeout - Self.tolerance {
                report(.answerFalse, client: command.client, id: id, "no result after \(reply.seconds) s")
            }
        case (409, _): report(.answerOdd, client: command.client, id: id, "\(value)")
        default:
            if !Self.troubles(status: value.status).contains(value.code) {
                report(.answerOdd, client: command.client, id: id, "\(value)")
            }
        }
    }

    /// Seconds by which clocks of two processes may seem to differ.
    private static let tolerance = 0.1

    /// Why a result is not what the client came to.
    private func flaw(
        in result: CommandEnd?, _ command: ChaosDigest.Command, _ reply: ChaosDigest.Reply<CommandReply>
    ) -> String? {
        guard let result else { return "no result" }
        if result.status == 200 {
            let isTrue = command.ended.contains { $0.end == result && $0.at < reply.answered }
            return isTrue ? nil : "that is not what it came to"
        }
        // Cancelled, refused, interrupted or failed: then it has not ended well.
        return command.ended.contains { $0.end.status == 200 } ? "it ended well" : nil
    }
}
