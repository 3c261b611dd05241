import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore

/// What the shared contract cannot see: the clock and the bounds.
@Suite struct InProcessLedgerTests {
    private let clock = FakeClock()
    private let ledger: InProcessLedger

    init() {
        let clock = clock
        ledger = InProcessLedger { clock.now }
    }

    private func key(_ index: Int) -> LedgerKey { .idempotency("\(index)") }
    private let push = PushID(unchecked: "p")

    @Test func aClaimIsOverAtItsTime() {
        #expect(ledger.claim(key(1), ByteBuffer(string: "a"), seconds: 5) == nil)
        clock.advance(seconds: 4.999)
        #expect(ledger.claim(key(1), ByteBuffer(string: "b"), seconds: 5) == ByteBuffer(string: "a"))
        clock.advance(seconds: 0.001)
        #expect(ledger.claim(key(1), ByteBuffer(string: "c"), seconds: 5) == nil)
        #expect(ledger.read(key(1)) == ByteBuffer(string: "c"))
    }

    @Test func theBytesAreBounded() {
        let value = ByteBuffer(repeating: 1, count: 1 << 20)
        for index in 0..<100 { ledger.write(key(index), value, seconds: 60) }
        let kept = (0..<100).filter { ledger.read(key($0)) != nil }
        #expect(kept == Array((100 - kept.count)..<100))
        #expect((60...64).contains(kept.count))
    }

    @Test func aLogIsKeptFromItsLastEntryOn() throws {
        ledger.note(ByteBuffer(string: "1"), about: push)
        clock.advance(seconds: Double(PushLog.lifetime) - 1)
        ledger.note(ByteBuffer(string: "2"), about: push)
        clock.advance(seconds: Double(PushLog.lifetime) - 1)
        let log = try #require(ledger.log(of: push))
        #expect(log.map { String(buffer: $0.entry) } == ["1", "2"])
        #expect(log[1].at - log[0].at == UInt64(PushLog.lifetime - 1) * 1000)
        clock.advance(seconds: 1)
        #expect(ledger.log(of: push) == nil)
        ledger.note(ByteBuffer(string: "3"), about: push)
        #expect(ledger.log(of: push)?.count == 1)
    }

    @Test func aLogThatIsWrittenForEverStaysSmall() {
        let entry = ByteBuffer(repeating: 1, count: 100_000)
        ledger.note(ByteBuffer(string: "other"), about: PushID(unchecked: "q"))
        for _ in 0..<2000 { ledger.note(entry, about: push) }
        #expect(ledger.log(of: push)?.count == PushLog.maximumEntries)
        #expect(ledger.log(of: PushID(unchecked: "q"))?.count == 1)
    }
}
