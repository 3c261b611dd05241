import Testing

@testable import SwitchboardServer

@Suite struct ProcessFiguresTests {
    /// proc(5), with a program whose name looks like more fields.
    private static let stat =
        "42 (a) R (b) S 1 42 42 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 4 0 1000 5000000 250 18446744073709551615"

    @Test func readsWhatTheKernelTells() {
        let figures = ProcessFigures(stat: Self.stat, boot: "cpu 1 2\nbtime 1700000000\n", ticks: 100, page: 4096)
        #expect(figures.cpuSeconds == 2)
        #expect(figures.virtualBytes == 5_000_000)
        #expect(figures.residentBytes == 1_024_000)
        #expect(figures.startedAt == 1_700_000_010)
    }

    @Test(arguments: ["", "42 (a)", "42 (a) S 1 2 3"])
    func whatCannotBeReadIsLeftOut(stat: String) {
        let figures = ProcessFigures(stat: stat, boot: "", ticks: 100, page: 4096)
        #expect(figures.cpuSeconds == nil)
        #expect(figures.startedAt == nil)
        #expect(figures.families.allSatisfy { $0.samples.isEmpty })
    }

    @Test func thisProcessHasFigures() throws {
        let figures = ProcessFigures.current()
        #expect(try #require(figures.residentBytes) > 1_000_000)
        #expect(try #require(figures.openDescriptors) >= 3)
        #expect(try #require(figures.maximumDescriptors) >= figures.openDescriptors ?? .infinity)
        #expect(figures.families.allSatisfy { $0.samples.count == 1 })
    }
}
