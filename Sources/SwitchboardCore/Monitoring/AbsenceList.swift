public import SwitchboardProtocol

/// Clients that are gone, until a rule `offline` applies to them or they are found to be back. Times are milliseconds.
public struct AbsenceList: Sendable {
    /// A client that is gone, and a rule that this breaks.
    public struct Absence: Hashable, Sendable {
        public var client: ClientID
        public var rule: AlertRule
        public var epoch: UInt64
        public var since: UInt64

        public init(client: ClientID, rule: AlertRule, epoch: UInt64, since: UInt64) {
            self.client = client
            self.rule = rule
            self.epoch = epoch
            self.since = since
        }
    }

    private let limit: Int
    private var absences: [ClientID: [Absence]] = [:]

    /// - Parameter limit: Clients; beyond it none is taken.
    public init(limit: Int = AlertBoard.limit) { self.limit = limit }

    public var all: [Absence] { absences.values.flatMap { $0 } }

    public mutating func add(_ absence: Absence) {
        guard absences[absence.client] != nil || absences.count < limit else { return }
        absences[absence.client, default: []].removeAll { $0.rule == absence.rule }
        absences[absence.client]?.append(absence)
    }

    /// - Returns: Whether it was there.
    @discardableResult
    public mutating func remove(_ client: ClientID) -> Bool { absences.removeValue(forKey: client) != nil }

    /// Takes those out that have lasted for as long as their rule says.
    public mutating func takeDue(now: UInt64) -> [Absence] {
        var due: [Absence] = []
        for (client, list) in absences {
            let over = list.filter { now >= $0.since + $0.rule.duration }
            guard !over.isEmpty else { continue }
            due += over
            let rest = list.filter { now < $0.since + $0.rule.duration }
            absences[client] = rest.isEmpty ? nil : rest
        }
        return due
    }
}
