import NIOCore
import SwitchboardCore
import Synchronization

extension Session {
    /// The client has told its health.
    func judge(_ health: ByteBuffer, of record: SessionRecord) {
        let rules = node.alerts.rules
        guard !rules.isEmpty, let reading = HealthReading(health) else { return }
        var judge = judge ?? AlertJudge(raised: node.alerts.state.withLock { $0.board.judged(of: record.client) })
        let wasWaiting = judge.isWaiting
        let findings = judge.judge(reading, by: rules, now: WallClock.milliseconds())
        self.judge = judge
        if !findings.isEmpty { node.carryOut(findings, on: record.client, epoch: epoch) }
        if judge.isWaiting, !wasWaiting { shard.suspects.append(self) }
    }

    /// Time passes.
    ///
    /// - Returns: Whether it has to be looked at again.
    fileprivate func judgeAgain(now: UInt64) -> Bool {
        guard phase == .open, let record, judge?.isWaiting == true else { return false }
        let findings = judge?.timePassed(by: node.alerts.rules, now: now) ?? []
        if !findings.isEmpty { node.carryOut(findings, on: record.client, epoch: epoch) }
        return judge?.isWaiting == true
    }
}

extension Shard {
    /// Looks at those that break a rule, whether it is for long enough. Called every second.
    func judgeSuspects() {
        guard !suspects.isEmpty else { return }
        let now = WallClock.milliseconds()
        // Whoever waits twice, since it was well in between, is kept once.
        var seen: Set<ObjectIdentifier> = []
        suspects.removeAll { !seen.insert(ObjectIdentifier($0)).inserted || !$0.judgeAgain(now: now) }
    }
}
