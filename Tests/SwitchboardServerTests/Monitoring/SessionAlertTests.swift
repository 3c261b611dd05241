import NIOCore
import SwitchboardProtocol
import Synchronization
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

/// From a client's health to the alerts of its node.
@Suite struct SessionAlertTests {
    private func open(_ test: TestNode) throws -> (Session, SessionRecord) {
        let session = try test.member()
        let record = SessionRecord(
            client: client("a"), session: .random(), node: test.node.id, mode: .framed, address: "", userAgent: nil,
            labels: [:], groups: [], connectedAt: 0)
        session.record = record
        session.epoch = 1
        return (session, record)
    }

    private func alerts(_ test: TestNode) -> [Alert] {
        test.node.alerts.state.withLock { $0.board.told(living: [test.node.id]) }
    }

    @Test func healthRaisesAndClears() throws {
        let test = TestNode()
        let (session, record) = try open(test)
        session.judge(ByteBuffer(string: #"{"disk":{"total":100,"free":1}}"#), of: record)
        #expect(Set(alerts(test).map(\.name)) == ["disk", "disk-full"])
        #expect(test.node.alerts.count(.red) == 1 && test.node.alerts.count(.amber) == 1)
        session.judge(ByteBuffer(string: #"{"disk":{"total":100,"free":5}}"#), of: record)
        #expect(alerts(test).map(\.name) == ["disk"])
        session.judge(ByteBuffer(string: #"{"disk":{"total":100,"free":50}}"#), of: record)
        #expect(alerts(test).isEmpty)
    }

    @Test func whoWaitsIsLookedAtOnce() throws {
        let test = TestNode()
        let (session, record) = try open(test)
        for cpu in ["0.99", "0.1", "0.99"] {
            session.judge(ByteBuffer(string: #"{"cpu":\#(cpu)}"#), of: record)
        }
        test.shard.judgeSuspects()
        #expect(test.shard.suspects.count == 1)
        session.judge(ByteBuffer(string: #"{"cpu":0.1}"#), of: record)
        test.shard.judgeSuspects()
        #expect(test.shard.suspects.isEmpty && alerts(test).isEmpty)
    }

    @Test func withoutRulesNothingIsKept() throws {
        let test = TestNode { $0.alertRules = [] }
        let (session, record) = try open(test)
        session.judge(ByteBuffer(string: #"{"cpu":1}"#), of: record)
        #expect(session.judge == nil && test.shard.suspects.isEmpty)
    }

    @Test func theEndOfASessionIsAnAbsenceWhereThereIsARuleForIt() throws {
        let test = TestNode { $0.alertRules = [AlertRule(name: "away", condition: .offline)] }
        test.node.alertsWait(for: client("a"), epoch: 1, at: 5)
        #expect(test.node.alerts.state.withLock { $0.absences.all.count } == 1)
        test.node.alertsEnd(asOf: client("a"))
        #expect(test.node.alerts.state.withLock { $0.absences.all.isEmpty })
    }

    @Test func whoIsBackForAMomentIsMissedAllTheSame() throws {
        let test = TestNode { $0.alertRules = [AlertRule(name: "away", condition: .offline)] }
        func absences() -> [AbsenceList.Absence] { test.node.alerts.state.withLock { $0.absences.all } }
        // Who has never told its health is not missed.
        try TestConnection.open(test, "a").drop()
        #expect(absences().isEmpty)
        let teller = try TestConnection.open(test, "a")
        try teller.receive(#"{"type":"health","data":{"cpu":0.1}}"#)
        try teller.drop()
        let first = try #require(absences().first)
        for _ in 0..<2 {
            let silent = try TestConnection.open(test, "a")
            #expect(absences().isEmpty)
            try silent.drop()
            #expect(absences().map(\.client) == [client("a")])
        }
        #expect(absences().allSatisfy { $0.epoch > first.epoch })
    }

    @Test func rulesNeedNamesOfTheirOwn() throws {
        var configuration = ServerConfiguration(node: NodeID(unchecked: "n"))
        configuration.alertRules = [
            AlertRule(name: "a", condition: .offline), AlertRule(name: "a", condition: .offline),
        ]
        #expect(throws: ServerConfiguration.Problem.self) { try configuration.validate() }
    }

    @Test func aReportReadsAsItself() throws {
        let alert = Alert(
            client: client("a"), name: "n", level: .amber, value: .text("\"x\"\n"), since: 7,
            node: NodeID(unchecked: "n"),
            epoch: 3, isOffline: true)
        let report = try #require(AlertReport(AlertReport.document(of: [alert])))
        #expect(report.alerts == [alert] && report.isWhole)
        let many = AlertReport.document(of: Array(repeating: alert, count: AlertReport.limit + 1))
        #expect(AlertReport(many)?.isWhole == false)
        #expect(AlertReport(ByteBuffer(string: "[]")) == nil)
    }
}
