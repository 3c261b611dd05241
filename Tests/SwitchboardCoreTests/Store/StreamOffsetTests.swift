import Testing

@testable import SwitchboardCore

@Suite struct StreamOffsetTests {
    @Test(
        arguments: [
            (0, 0), (1_732_200_000_000, 3), (UInt64.max, UInt64.max), (7, 0), (0, 7),
        ] as [(UInt64, UInt64)])
    func comesBackFromItsText(milliseconds: UInt64, sequence: UInt64) {
        let offset = StreamOffset(milliseconds: milliseconds, sequence: sequence)
        #expect(offset.description == "\(milliseconds)-\(sequence)")
        #expect(StreamOffset(offset.description) == offset)
        let history = HistoryOffset(epoch: "E", offset: offset)
        #expect(history.description == "E:\(milliseconds)-\(sequence)")
        #expect(HistoryOffset(history.description) == history)
    }

    private static let malformed = [
        "", "-", "1", "1-", "-1", "1--1", "1-1-1", "+1-1", "1-+1", " 1-1", "1-1 ", "a-1", "1-b", "0x1-1", "1.5-1",
        "18446744073709551616-0", "0-18446744073709551616", "١-١", "1–1", "1-1\n", "1-1\u{0}",
    ]

    @Test(arguments: malformed)
    func nothingElseIsAnOffset(text: String) {
        #expect(StreamOffset(text) == nil)
        #expect(HistoryOffset("E:" + text) == nil)
    }

    @Test(arguments: ["1-1", ":1-1", "E", "E:", "", ":", "E1-1", "E:1-1:"])
    func aHistoryOffsetNamesItsEpoch(text: String) { #expect(HistoryOffset(text) == nil) }

    @Test func theFirstColonEndsTheEpoch() { #expect(HistoryOffset("E:F:1-1") == nil) }

    @Test func theyAreInTheOrderOfTimeThenOfSequence() {
        let offsets = ["0-0", "0-1", "1-0", "1-1", "1-10", "2-0", "10-0"].compactMap { StreamOffset($0) }
        #expect(offsets.count == 7)
        #expect(offsets.sorted() == offsets)
        #expect(Array(offsets.reversed()).sorted() == offsets)
        #expect(StreamOffset("0-0") == .zero)
    }

    @Test func theClockOfOffsetsRisesEvenWhenTheTimeStepsBack() {
        var clock = OffsetClock()
        let given = [5, 5, 5, 4, 1, 6, 6, 0].map { clock.next(now: $0) }
        #expect(given.map(\.description) == ["5-0", "5-1", "5-2", "5-3", "5-4", "6-0", "6-1", "6-2"])
        #expect(clock.newest == given.last)
    }

    /// Zero means that nothing was before.
    @Test func noOffsetIsZero() {
        var clock = OffsetClock()
        #expect(clock.next(now: 0) > .zero)
    }
}
