/// Writes a history of the agents `a` and `b`.
struct ChaosCheckerRun {
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

/// The rules that a run breaks when everything is well at its end, each once.
func violations(_ body: (inout ChaosCheckerRun) -> Void) -> [ChaosChecker.Rule] {
    var run = ChaosCheckerRun()
    body(&run)
    run.add(.healed)
    run.look()
    return run.rules
}

extension PushReply {
    init(_ status: Int, _ counts: [Int]) {
        self.init(
            status: status, code: nil,
            answer: PushAnswer(
                id: "", matched: counts[0], delivered: counts[1], acked: counts[2], queued: counts[3],
                offline: counts[4], dropped: counts[5], nodes: counts[6]))
    }

    static let delivered = PushReply(200, [1, 1, 0, 0, 0, 0, 1])
    static let queued = PushReply(202, [0, 0, 0, 1, 1, 0, 0])
    /// To all channels of the two.
    static let two = PushReply(200, [2, 2, 0, 0, 0, 0, 1])
    static let broken = PushReply(status: 0)
}
