import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// Places in the output, credit and typing of viewers, without a terminal.
@Suite struct TerminalLedgerTests {
    static let base: UInt64 = 1000
    static let small = TerminalLedger.Limits(kept: 100, window: 40, fresh: 20, viewers: 2, remembered: 1)

    static func at(_ seconds: Double) -> NIODeadline { .uptimeNanoseconds(UInt64(seconds * 1e9)) }

    static func ledger(_ limits: TerminalLedger.Limits = small) -> TerminalLedger {
        TerminalLedger(base: base, now: at(0), limits: limits)
    }

    static func attach(
        _ mode: TerminalOrder.Mode = .shared, from: UInt64? = nil, typed: UInt64 = 0
    ) -> TerminalOrder.Attach {
        TerminalOrder.Attach(terminal: "t", mode: mode, from: from, typed: typed)
    }

    static func bytes(_ count: Int) -> ByteBuffer { ByteBuffer(repeating: 0x61, count: count) }

    /// All that a viewer is sent now: where it begins and how much it is; nil for a move.
    static func drain(_ ledger: inout TerminalLedger, _ name: String) -> [(offset: UInt64, count: Int)?] {
        var parts: [(offset: UInt64, count: Int)?] = []
        while let part = ledger.next(for: name) {
            switch part {
            case .moved: parts.append(nil)
            case .output(let offset, let bytes): parts.append((offset, bytes.readableBytes))
            }
        }
        return parts
    }

    // MARK: output

    @Test func aViewerIsSentWhatFitsItsWindowAndMoreWhenItTookSome() {
        var ledger = Self.ledger()
        #expect(ledger.attach("v", Self.attach(), Self.at(0)) == .new)
        ledger.append(Self.bytes(50))
        #expect(Self.drain(&ledger, "v").map { $0?.count } == [40])
        ledger.took("v", 1030, Self.at(1))
        #expect(Self.drain(&ledger, "v").map { $0?.offset } == [1040])
        #expect(ledger.viewers["v"]?.sent == 1050)
    }

    @Test func outputIsSentInPiecesThatFitAFrame() {
        var ledger = TerminalLedger(base: 0, now: Self.at(0))
        _ = ledger.attach("v", Self.attach(), Self.at(0))
        ledger.append(Self.bytes(40_000))
        #expect(Self.drain(&ledger, "v").map { $0?.count } == [16_384, 16_384, 7232])
    }

    @Test func theNewestOutputIsKeptAndWhoComesNewSeesTheLastOfIt() {
        var ledger = Self.ledger()
        for _ in 0..<10 { ledger.append(Self.bytes(30)) }
        #expect(ledger.written == 1300)
        #expect(ledger.kept == 1200)
        _ = ledger.attach("v", Self.attach(), Self.at(0))
        #expect(ledger.viewers["v"]?.took == 1280)
    }

    @Test func whoComesAgainGoesOnWhereItWas() {
        var ledger = Self.ledger()
        _ = ledger.attach("v", Self.attach(), Self.at(0))
        ledger.append(Self.bytes(30))
        _ = Self.drain(&ledger, "v")
        // What it was sent beyond its place was lost on the way.
        #expect(ledger.attach("v", Self.attach(from: 1010), Self.at(1)) == .known)
        #expect(Self.drain(&ledger, "v").map { $0?.offset } == [1010])
    }

    @Test(arguments: [999, 1150, 5000] as [UInt64]) func aPlaceThatIsNotKeptIsReplaced(from: UInt64) {
        var ledger = Self.ledger()
        for _ in 0..<10 { ledger.append(Self.bytes(30)) }
        _ = ledger.attach("v", Self.attach(from: from), Self.at(0))
        #expect(ledger.viewers["v"]?.sent == 1280)
    }

    @Test func nothingIsSentBetweenTheEndOfALinkAndTheViewersReturn() {
        var ledger = Self.ledger()
        _ = ledger.attach("v", Self.attach(), Self.at(0))
        ledger.append(Self.bytes(10))
        ledger.linkEnded()
        #expect(ledger.next(for: "v") == nil)
        _ = ledger.attach("v", Self.attach(from: 1005), Self.at(1))
        #expect(Self.drain(&ledger, "v").map { $0?.count } == [5])
    }

    @Test func aWordThatComesLateMovesNoPlace() {
        var ledger = Self.ledger()
        _ = ledger.attach("v", Self.attach(), Self.at(0))
        ledger.append(Self.bytes(30))
        _ = Self.drain(&ledger, "v")
        ledger.took("v", 1020, Self.at(1))
        ledger.took("v", 1010, Self.at(1))
        ledger.took("v", 9999, Self.at(1))
        ledger.took("w", 1010, Self.at(1))
        #expect(ledger.viewers["v"]?.took == 1020)
    }

    // MARK: waiting for viewers

    @Test func theProgramWaitsForASlowViewerAndThenLeavesItBehind() {
        var ledger = Self.ledger()
        _ = ledger.attach("v", Self.attach(), Self.at(0))
        ledger.append(Self.bytes(39))
        #expect(ledger.mayRead(Self.at(0)) == true)
        ledger.append(Self.bytes(1))
        _ = Self.drain(&ledger, "v")
        #expect(ledger.mayRead(Self.at(1)) == false)
        #expect(ledger.mayRead(Self.at(2.9)) == false)
        #expect(ledger.mayRead(Self.at(3)) == true)
        let parts = Self.drain(&ledger, "v")
        #expect(parts.map { $0 == nil } == [true, false])
        #expect(parts.last??.offset == 1020)
        // It is not waited for again before it has drawn something.
        ledger.append(Self.bytes(60))
        #expect(ledger.mayRead(Self.at(3)) == true)
        ledger.took("v", 1030, Self.at(3))
        #expect(ledger.mayRead(Self.at(3)) == false)
        ledger.took("v", 1060, Self.at(3))
        #expect(ledger.mayRead(Self.at(3)) == false)
    }

    @Test func theProgramWaitsForNobodyThatWasNotHeard() {
        var ledger = Self.ledger()
        _ = ledger.attach("v", Self.attach(), Self.at(0))
        ledger.append(Self.bytes(50))
        #expect(ledger.mayRead(Self.at(15)) == false)
        #expect(ledger.mayRead(Self.at(15.1)) == true)
        #expect(ledger.heldSince == nil)
    }

    @Test func aViewerThatDrawsIsNotWaitedForAnyMore() {
        var ledger = Self.ledger()
        _ = ledger.attach("v", Self.attach(), Self.at(0))
        ledger.append(Self.bytes(50))
        _ = Self.drain(&ledger, "v")
        #expect(ledger.mayRead(Self.at(0)) == false)
        ledger.took("v", 1020, Self.at(1))
        #expect(ledger.mayRead(Self.at(1)) == true)
    }

    // MARK: viewers

    @Test func thereAreSoManyViewersAndNoMore() {
        var ledger = Self.ledger()
        #expect(ledger.attach("a", Self.attach(), Self.at(0)) == .new)
        #expect(ledger.attach("b", Self.attach(), Self.at(0)) == .new)
        #expect(ledger.attach("c", Self.attach(), Self.at(0)) == .full)
        #expect(ledger.attach("a", Self.attach(), Self.at(0)) == .known)
        #expect(ledger.remove("a", Self.at(0)) == true)
        #expect(ledger.remove("a", Self.at(0)) == false)
        #expect(ledger.attach("c", Self.attach(), Self.at(0)) == .new)
    }

    @Test func whoIsNotHeardIsGone() {
        var ledger = Self.ledger()
        _ = ledger.attach("a", Self.attach(), Self.at(0))
        _ = ledger.attach("b", Self.attach(), Self.at(0))
        ledger.renew("b", Self.at(10))
        #expect(ledger.expire(Self.at(19)) == [])
        #expect(ledger.expire(Self.at(20)) == ["a"])
        #expect(ledger.expire(Self.at(30)) == ["b"])
        #expect(!ledger.isIdle(for: .milliseconds(5000), Self.at(34)))
        #expect(ledger.isIdle(for: .milliseconds(5000), Self.at(35)))
    }

    @Test func theEndIsToldOnceAfterAllOutputAndAgainToWhoAsks() {
        var ledger = Self.ledger()
        _ = ledger.attach("v", Self.attach(), Self.at(0))
        ledger.append(Self.bytes(10))
        #expect(ledger.hasToKnowEnd("v") == false)
        _ = Self.drain(&ledger, "v")
        #expect(ledger.hasToKnowEnd("v") == true)
        #expect(ledger.hasToKnowEnd("v") == false)
        _ = ledger.attach("v", Self.attach(from: 1010), Self.at(1))
        #expect(ledger.hasToKnowEnd("v") == true)
    }

    // MARK: typing

    static func input(
        _ ledger: inout TerminalLedger, _ offset: UInt64, _ text: String, room: Int = 100
    ) -> TerminalLedger.Input {
        ledger.input("v", offset: offset, bytes: ByteBuffer(string: text), room: room, at(1))
    }

    @Test func eachKeyIsTakenOnce() {
        var ledger = Self.ledger()
        _ = ledger.attach("v", Self.attach(), Self.at(0))
        #expect(Self.input(&ledger, 0, "abc") == .take(bytes: ByteBuffer(string: "abc"), taken: 3))
        #expect(Self.input(&ledger, 0, "abc") == .repeated(taken: 3))
        #expect(Self.input(&ledger, 1, "bcde") == .take(bytes: ByteBuffer(string: "de"), taken: 5))
        #expect(Self.input(&ledger, 6, "g") == .ignored)
        #expect(Self.input(&ledger, 5, "fgh", room: 2) == .take(bytes: ByteBuffer(string: "fg"), taken: 7))
        #expect(Self.input(&ledger, 7, "h", room: 0) == .ignored)
        #expect(Self.input(&ledger, UInt64.max, "x") == .ignored)
    }

    @Test func whatWasTypedIsKnownWhenTheViewerComesAgain() {
        var ledger = Self.ledger()
        _ = ledger.attach("v", Self.attach(typed: 10), Self.at(0))
        #expect(Self.input(&ledger, 10, "ab") == .take(bytes: ByteBuffer(string: "ab"), taken: 12))
        _ = ledger.expire(Self.at(60))
        #expect(ledger.attach("v", Self.attach(typed: 11), Self.at(61)) == .new)
        #expect(ledger.viewers["v"]?.typed == 12)
        #expect(Self.input(&ledger, 11, "b") == .repeated(taken: 12))
    }

    @Test func onlyThoseOfTheModeSharedType() {
        var ledger = Self.ledger()
        #expect(Self.input(&ledger, 0, "a") == .unknown)
        _ = ledger.attach("v", Self.attach(.readOnly), Self.at(0))
        #expect(Self.input(&ledger, 0, "a") == .readOnly)
    }
}
