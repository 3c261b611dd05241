import NIOCore
import Testing

@testable import SwitchboardAgent

@Suite("What terminals may send")
struct TerminalBudgetTests {
    @Test("A flood is sent at its rate, in bytes and in pieces", arguments: [1, 16 << 10])
    func flood(bytes: Int) {
        var budget = TerminalBudget()
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        var now = start
        var pieces = 0
        while now - start < .milliseconds(10_000) {
            if let opening = budget.opensAt(now) {
                #expect(opening > now)
                now = opening
            } else {
                budget.spend(bytes)
                pieces += 1
            }
        }
        let most = Double(10 * TerminalBudget.rate + TerminalBudget.burst)
        let cost = Double(pieces) * Double(Int64(bytes) + TerminalBudget.pieceCost)
        #expect(cost < most * 1.01 && cost > most * 0.98)
    }

    @Test("Who comes after months finds all of it")
    func months() {
        var budget = TerminalBudget()
        let now = NIODeadline.uptimeNanoseconds(1)
        #expect(budget.opensAt(now) == nil)
        budget.spend(Int(TerminalBudget.burst))
        #expect(budget.opensAt(now) != nil)
        #expect(budget.opensAt(now + .hours(24 * 100)) == nil)
    }

    @Test("Keys' echoes never wait")
    func echoes() {
        var budget = TerminalBudget()
        var now = NIODeadline.uptimeNanoseconds(1)
        for _ in 0..<10_000 {
            #expect(budget.opensAt(now) == nil)
            budget.spend(8)
            now = now + .milliseconds(5)
        }
    }
}
