import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// The rules of a node, and what it knows of alerts: the board that all nodes share by telling each other, and those who are
/// gone but not yet for long enough.
final class AlertDesk: Sendable {
    struct State {
        var board: AlertBoard
        var absences = AbsenceList()
        /// Monotonic milliseconds of the last sweep, and of the last look whether those who are said to be offline still are.
        var sweptAt: UInt64 = 0
        var verifiedAt: UInt64 = 0
        /// Absences are being looked into.
        var isLooking = false
        var isFull = false
    }

    let rules: [AlertRule]
    let offlineRules: [AlertRule]
    let state: Mutex<State>

    init(rules: [AlertRule], node: NodeID) {
        self.rules = rules
        offlineRules = rules.filter(\.isOffline)
        state = Mutex(State(board: AlertBoard(node: node)))
    }

    /// How many alerts of the level this node looks after.
    func count(_ level: AlertLevel) -> Int { state.withLock { $0.board.count(level) } }
}

extension JSONObjectWriter {
    /// What operators and backends are told of an alert, beside its client and its node.
    mutating func trouble(_ alert: Alert) {
        string("alert", alert.name)
        string("level", alert.level.rawValue)
        alertValue("value", alert.value)
        time("since", alert.since)
    }
}
