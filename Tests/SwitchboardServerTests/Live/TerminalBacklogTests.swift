import Testing

@testable import SwitchboardServer

/// How much output waits in an operator's socket for one of its viewers.
@Suite struct TerminalBacklogTests {
    private func backlog(_ bytes: Int) -> TerminalBacklog {
        var backlog = TerminalBacklog()
        backlog.add(bytes, endingAt: bytes)
        return backlog
    }

    @Test func oneFrameAlwaysFits() {
        #expect(TerminalBacklog().hasRoom(for: 22_000, among: 16, total: TerminalBacklog.limit))
    }

    @Test func theMoreViewersTheSmallerTheShare() {
        let backlog = backlog(100 << 10)
        #expect(backlog.hasRoom(for: 92 << 10, among: 1, total: 100 << 10))
        #expect(!backlog.hasRoom(for: (92 << 10) + 1, among: 1, total: 100 << 10))
        #expect(backlog.hasRoom(for: 28 << 10, among: 3, total: 100 << 10))
        #expect(!backlog.hasRoom(for: (28 << 10) + 1, among: 3, total: 100 << 10))
        #expect(!backlog.hasRoom(for: 1, among: 2, total: TerminalBacklog.limit), "others have taken it all")
    }

    @Test func whatWasWrittenMakesRoom() {
        var backlog = TerminalBacklog()
        // Other frames of the socket lie between.
        backlog.add(100, endingAt: 100)
        backlog.add(50, endingAt: 1150)
        backlog.written(upTo: 99)
        #expect(backlog.bytes == 150)
        backlog.written(upTo: 1149)
        #expect(backlog.bytes == 50)
        backlog.written(upTo: 1150)
        #expect(backlog.isEmpty)
    }

    @Test func behindAGapNothingFitsUntilItIsTold() {
        var backlog = TerminalBacklog()
        backlog.miss(upTo: 70)
        backlog.miss(upTo: 60)
        #expect(!backlog.hasRoom(for: 1, among: 1, total: 0))
        #expect(backlog.takeMissed() == 70)
        #expect(backlog.takeMissed() == nil)
        #expect(backlog.hasRoom(for: 1, among: 1, total: 0))
    }
}
