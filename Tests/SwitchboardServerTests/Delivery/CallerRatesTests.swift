import Testing

@testable import SwitchboardServer

@Suite struct CallerRatesTests {
    private let second: UInt64 = 1_000_000_000

    private func caller(_ name: String, _ kind: Principal.Kind = .key) -> Principal {
        Principal(kind: kind, name: name, scopes: .push, expiresAt: nil)
    }

    @Test func eachCallerHasItsOwn() {
        var rates = CallerRates(rate: 2, now: 0)
        let callers = [caller("a"), caller("b"), caller("a", .token), .anonymous]
        for caller in callers {
            #expect(rates.wait(caller, now: 0) == nil)
            #expect(rates.wait(caller, now: 0) == nil)
            #expect(rates.wait(caller, now: 0) == 1)
        }
        for caller in callers {
            #expect(rates.wait(caller, now: second / 2) == nil)
            #expect(rates.wait(caller, now: second / 2) == 1)
        }
    }

    @Test func withoutARateNobodyWaits() {
        var rates = CallerRates(rate: 0, now: 0)
        for _ in 0..<10 { #expect(rates.wait(caller("a"), now: 0) == nil) }
    }

    /// Names that nobody has seen before get nobody around the limit, nor memory without one.
    @Test func theyAreOnlySoMany() {
        var rates = CallerRates(rate: 2, now: 0)
        for number in 0..<CallerRates.maximum { #expect(rates.wait(caller("\(number)"), now: 0) == nil) }
        let beyond = (0..<5).map { rates.wait(caller("beyond-\($0)"), now: 0) }
        #expect(beyond == [nil, nil, 1, 1, 1])
        // The others are known still.
        #expect(rates.wait(caller("0"), now: 0) == nil)
        #expect(rates.wait(caller("0"), now: 0) == 1)
        // Who has not asked for a second is as good as new.
        let later = (0..<5).map { rates.wait(caller("later-\($0)"), now: 2 * second) }
        #expect(later == [nil, nil, nil, nil, nil])
        #expect(rates.wait(caller("later-0"), now: 2 * second) == nil)
        #expect(rates.wait(caller("later-0"), now: 2 * second) == 1)
    }
}
