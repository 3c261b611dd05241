import SwitchboardProtocol
import Testing

@testable import SwitchboardCore

@Suite struct AlertBoardTests {
    private let a = NodeID(unchecked: "a")
    private let b = NodeID(unchecked: "b")
    private let c = NodeID(unchecked: "c")
    private let kiosk = ClientID(unchecked: "kiosk-7")
    private var all: Set<NodeID> { [a, b, c] }

    private func alert(
        _ node: NodeID, name: String = "cpu", epoch: UInt64 = 1, isOffline: Bool = false, level: AlertLevel = .red
    ) -> Alert {
        Alert(
            client: kiosk, name: name, level: level, value: .number(1), since: 5, node: node, epoch: epoch,
            isOffline: isOffline)
    }

    @Test func aClientThatComesBackInTimeKeepsItsAlert() {
        var board = AlertBoard(node: a)
        #expect(board.raise(alert(a), now: 0) == true)
        board.left(kiosk, epoch: 1, now: 1000)
        #expect(board.judged(of: kiosk) == ["cpu"])
        #expect(board.sweep(living: all, now: 1000 + AlertBoard.grace - 1) == AlertBoard.Duties())
        #expect(board.keep("cpu", of: kiosk, epoch: 2, value: .number(2))?.epoch == 2)
        #expect(board.keep("cpu", of: kiosk, epoch: 2, value: .number(3)) == nil)
        #expect(board.sweep(living: all, now: 1_000_000) == AlertBoard.Duties())
        #expect(board.count(.red) == 1 && board.count(.amber) == 0)
    }

    @Test func aClientThatDoesNotComeBackHasNone() {
        var board = AlertBoard(node: a)
        _ = board.raise(alert(a), now: 0)
        board.left(kiosk, epoch: 1, now: 1000)
        #expect(board.sweep(living: all, now: 1000 + AlertBoard.grace).cleared == [alert(a)])
        #expect(board.count == 0 && board.judged(of: kiosk).isEmpty)
    }

    @Test func theEndOfAnOlderSessionSaysNothing() {
        var board = AlertBoard(node: a)
        _ = board.raise(alert(a, epoch: 2), now: 0)
        board.left(kiosk, epoch: 1, now: 0)
        #expect(board.sweep(living: all, now: 1_000_000) == AlertBoard.Duties())
    }

    @Test func aClientThatMovesTakesItsAlertAlong() {
        var (old, new) = (AlertBoard(node: a), AlertBoard(node: b))
        _ = old.raise(alert(a), now: 0)
        new.heard(AlertNotice(.raised, alert(a)), now: 0)
        old.left(kiosk, epoch: 1, now: 10)
        #expect(new.judged(of: kiosk) == ["cpu"])
        let moved = new.keep("cpu", of: kiosk, epoch: 2, value: .number(1))
        #expect(moved?.node == b && moved?.since == 5)
        if let moved { old.heard(AlertNotice(.raised, moved), now: 20) }
        for board in [old, new] {
            var board = board
            #expect(board.sweep(living: all, now: 1_000_000) == AlertBoard.Duties())
        }
        #expect(old.told(living: all).isEmpty && new.told(living: all).count == 1)
    }

    @Test func whatIsClearedElsewhereIsClearedHere() {
        var board = AlertBoard(node: a)
        board.heard(AlertNotice(.raised, alert(b, epoch: 3)), now: 0)
        board.heard(AlertNotice(.cleared, alert(c, epoch: 2)), now: 0)
        #expect(board.count == 1)
        board.heard(AlertNotice(.cleared, alert(c, epoch: 3)), now: 0)
        #expect(board.count == 0)
    }

    @Test func ofANodeThatDiedTheFirstOfTheOthersActs() {
        var (first, second) = (AlertBoard(node: a), AlertBoard(node: b))
        first.heard(AlertNotice(.raised, alert(c)), now: 0)
        second.heard(AlertNotice(.raised, alert(c)), now: 0)
        let living: Set = [a, b]
        #expect(first.told(living: living) == [alert(c)])
        for time in [100, 99 + AlertBoard.grace] {
            #expect(first.sweep(living: living, now: time) == AlertBoard.Duties())
            #expect(second.sweep(living: living, now: time) == AlertBoard.Duties())
        }
        #expect(first.sweep(living: living, now: 100 + AlertBoard.grace).cleared == [alert(c)])
        #expect(second.sweep(living: living, now: 100 + AlertBoard.grace) == AlertBoard.Duties())
        #expect(second.count == 1)
        // When nobody tells it anything it does not keep it for ever.
        #expect(second.sweep(living: living, now: 100 + 2 * AlertBoard.grace) == AlertBoard.Duties())
        #expect(second.count == 0)
    }

    @Test func aNodeThatIsBackInTimeKeepsItsAlerts() {
        var board = AlertBoard(node: a)
        board.heard(AlertNotice(.raised, alert(c)), now: 0)
        _ = board.sweep(living: [a, b], now: 100)
        _ = board.sweep(living: all, now: 200)
        #expect(board.sweep(living: [a, b], now: 100 + AlertBoard.grace) == AlertBoard.Duties())
    }

    @Test func whoIsOfflineStaysSoWithTheNextNode() {
        var board = AlertBoard(node: a)
        board.heard(AlertNotice(.raised, alert(c, name: "away", isOffline: true)), now: 0)
        _ = board.sweep(living: [a, b], now: 0)
        let duties = board.sweep(living: [a, b], now: AlertBoard.grace)
        #expect(duties.cleared.isEmpty && duties.inherited == [alert(a, name: "away", isOffline: true)])
        #expect(board.offline() == [kiosk])
        #expect(board.judged(of: kiosk).isEmpty)
        #expect(board.came(kiosk).map(\.name) == ["away"])
        #expect(board.count == 0)
    }

    @Test func aWholeReportTakesBackWhatIsMissing() {
        var board = AlertBoard(node: a)
        board.heard(AlertNotice(.raised, alert(b)), now: 10)
        board.heard(all: [], of: b, isWhole: false, askedAt: 20, now: 30)
        #expect(board.count == 1)
        board.heard(all: [], of: b, isWhole: true, askedAt: 5, now: 30)
        #expect(board.count == 1, "it was raised after the question")
        board.heard(all: [alert(b, name: "disk")], of: b, isWhole: true, askedAt: 20, now: 30)
        #expect(board.judged(of: kiosk) == ["disk"])
        board.heard(all: [], of: a, isWhole: true, askedAt: 100, now: 100)
        #expect(board.count == 1)
    }

    @Test func itIsBounded() {
        var board = AlertBoard(node: a, limit: 2)
        #expect(board.raise(alert(a, name: "1"), now: 0) == true)
        #expect(board.raise(alert(a, name: "2"), now: 0) == true)
        #expect(board.raise(alert(a, name: "3"), now: 0) == false)
        #expect(board.raise(alert(a, name: "2"), now: 0) == true)
        #expect(board.clear("1", of: kiosk) != nil)
        #expect(board.raise(alert(a, name: "3"), now: 0) == true)
    }

    @Test func absencesFallDueByTheirRules() throws {
        var list = AbsenceList(limit: 1)
        let (soon, late) = (try AlertRule("soon: offline for 1"), try AlertRule("late: offline for 10"))
        for rule in [soon, late] {
            list.add(AbsenceList.Absence(client: kiosk, rule: rule, epoch: 1, since: 0))
        }
        list.add(AbsenceList.Absence(client: ClientID(unchecked: "other"), rule: soon, epoch: 1, since: 0))
        #expect(list.all.count == 2)
        #expect(list.takeDue(now: 999).isEmpty)
        #expect(list.takeDue(now: 1000).map(\.rule) == [soon])
        #expect(list.takeDue(now: 9999).isEmpty)
        #expect(list.takeDue(now: 10_000).map(\.rule) == [late])
        list.add(AbsenceList.Absence(client: kiosk, rule: soon, epoch: 1, since: 0))
        list.remove(kiosk)
        #expect(list.takeDue(now: 99_999).isEmpty && list.all.isEmpty)
    }
}
