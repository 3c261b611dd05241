extension ChaosChecker {
    // MARK: What was answered

    mutating func checkPushes() {
        for (id, push) in digest.pushes {
            for reply in push.replies { check(reply, to: push, id) }
            let told = push.replies.map(\.value).filter(\.isSuccess)
            if Set(told).count > 1 { report(.answerFalse, id: id, "a repetition was answered otherwise: \(told)") }
            guard push.accepted != nil else { continue }
            for client in digest.receivers(of: push.target) { checkArrival(of: id, push, at: client) }
        }
    }

    private mutating func checkArrival(of id: String, _ push: ChaosDigest.Push, at name: String) {
        guard let client = digest.clients[name] else {
            return report(.historyAbsurd, client: name, id: id, "sent to nobody")
        }
        guard !client.handled.contains(where: { $0.push == id }) else { return }
        // Who was told of a hole asks for the state elsewhere.
        if let missed = client.missed[push.target.channel], missed > push.sent { return }
        report(.pushLost, client: name, id: id, "answered with success and never handled")
    }

    private mutating func check(_ reply: ChaosDigest.Reply<PushReply>, to push: ChaosDigest.Push, _ id: String) {
        let value = reply.value
        if digest.isHealed(at: reply.sent), !isFull(value, push) {
            report(.notHealed, id: id, "answered \(value)")
        }
        guard value.isSuccess else {
            if !Self.troubles(status: value.status).contains(value.code) { report(.answerOdd, id: id, "\(value)") }
            return
        }
        guard let answer = value.answer, answer.id == id else {
            return report(.answerFalse, id: id, "another push's answer: \(value)")
        }
        if let flaw = flaw(in: answer, status: value.status, push) {
            report(.answerFalse, id: id, "\(flaw): \(value.status) \(answer.counts)")
        }
        let handled = digest.receivers(of: push.target).count { name in
            digest.clients[name]?.handled.contains { $0.push == id && $0.at < reply.answered } == true
        }
        if answer.acked > handled {
            report(.answerFalse, id: id, "acked \(answer.acked) when \(handled) had handled it")
        }
    }

    /// The codes that go with a status when nodes, Redis or connections are away. A full mailbox or queue is none of them:
    /// no run sends that much.
    static func troubles(status: Int) -> [String?] {
        switch status {
        case 0: [nil]
        case 409: ["push_in_progress"]
        case 502, 504: ["node_unavailable"]
        case 503: ["bus_unavailable", "overloaded", "not_ready"]
        default: []
        }
    }

    /// The numbers that cannot be, after the definitions of the HTTP contract.
    private func flaw(in answer: PushAnswer, status: Int, _ push: ChaosDigest.Push) -> String? {
        if answer.matched != answer.delivered + answer.dropped { return "matched is not delivered + dropped" }
        if answer.acked > answer.delivered { return "more acked than delivered" }
        if answer.acked > 0, !push.waits { return "nobody waited for acks" }
        if (answer.nodes > 0) != (answer.matched > 0) { return "nodes do not go with matched" }
        switch push.target {
        case .client:
            if answer.matched + answer.queued != 1 { return "it is neither there nor queued, or both" }
            if answer.offline > answer.queued { return "offline and not queued" }
            if status == 200, answer.delivered != 1 { return "final, and not delivered" }
        case .channel:
            if answer.queued + answer.offline > 0 { return "a channel has no mailbox" }
            if answer.matched > digest.receivers(of: push.target).count { return "more than there are" }
        }
        return nil
    }

    /// Whether everybody got it at once, as must be when all is well.
    private func isFull(_ value: PushReply, _ push: ChaosDigest.Push) -> Bool {
        guard value.status == 200, let answer = value.answer else { return false }
        let count = digest.receivers(of: push.target).count
        return answer.delivered == count && answer.acked == (push.waits ? count : 0)
    }

    // MARK: What was handled

    mutating func checkHandlings() {
        for (name, client) in digest.clients {
            var times: [String: Int] = [:]
            for handling in client.handled {
                times[handling.push, default: 0] += 1
                checkOrigin(of: handling, by: name)
            }
            for (id, count) in times where count > 1 {
                report(.pushTwice, client: name, id: id, "handled \(count) times")
            }
            for handlings in Dictionary(grouping: client.handled, by: \.channel).values {
                checkOrder(of: handlings, by: name)
            }
        }
    }

    private mutating func checkOrigin(of handling: ChaosDigest.Handling, by name: String) {
        guard let push = digest.pushes[handling.push], push.sent < handling.at else {
            return report(.pushForged, client: name, id: handling.push, "nobody had sent it")
        }
        if !digest.receivers(of: push.target).contains(name) || push.target.channel != handling.channel {
            report(.pushForged, client: name, id: handling.push, "not meant for it by \(handling.channel)")
        }
        if push.payload != handling.payload {
            report(.pushForged, client: name, id: handling.push, "\(handling.payload) instead of \(push.payload)")
        }
    }

    /// Whatever had been answered with success before a push was sent is handled before it.
    private mutating func checkOrder(of handlings: [ChaosDigest.Handling], by name: String) {
        var seen: Set<String> = []
        // Of those handled so far, the one that was sent last.
        var newest: (sent: Int, id: String) = (-1, "")
        for handling in handlings where seen.insert(handling.push).inserted {
            guard let push = digest.pushes[handling.push] else { continue }
            if let accepted = push.accepted, accepted < newest.sent {
                report(
                    .pushReordered, client: name, id: handling.push, "handled after \(newest.id), which was sent later")
            }
            if push.sent > newest.sent { newest = (push.sent, handling.push) }
        }
    }
}
