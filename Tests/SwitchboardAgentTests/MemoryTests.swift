import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// What an agent remembers, with plain values.
@Suite struct MemoryTests {
    @Test func knowsTheNewestIDsWhateverTheirAge() {
        var ids = RecentIDs(least: 3, most: 100, age: 10)
        for number in 0..<10 { ids.insert("\(number)", at: number * 1000) }
        #expect(ids.entries.map(\.id) == ["7", "8", "9"])
        #expect(!ids.contains("6") && ids.contains("7"))
    }

    @Test func knowsYoungIDsHoweverMany() {
        var ids = RecentIDs(least: 3, most: 100, age: 10)
        for number in 0..<50 { ids.insert("\(number)", at: number / 5) }
        #expect(ids.count == 50)
        ids.insert("late", at: 15)
        // Those of the seconds 0 to 5 are older than 10 seconds now.
        #expect(ids.entries.map(\.id) == (30..<50).map { "\($0)" } + ["late"])
    }

    @Test func neverKnowsMoreThanTheMost() {
        var ids = RecentIDs(least: 3, most: 20, age: 10)
        for number in 0..<1000 {
            ids.insert("\(number)", at: 5)
            #expect(ids.count <= 20)
        }
        #expect(ids.entries.map(\.id) == (980..<1000).map { "\($0)" })
        ids.insert("999", at: 5)
        #expect(ids.count == 20)
    }

    // MARK: commands

    static func due(_ book: inout CommandBook) -> [String] {
        var ids: [String] = []
        while let frame = book.nextDue() { if case .result(let id, _, _) = frame { ids.append(id) } }
        return ids
    }

    static func result(_ text: String) -> CommandResult { CommandResult(status: 200, payload: .json(text)) }

    @Test func sendsAResultOnEachLinkUntilItIsAcknowledged() {
        var book = CommandBook()
        for id in ["a", "b"] { book.started(id, at: 0) }
        book.ended("b", Self.result("2"), at: 1)
        book.ended("a", Self.result("1"), at: 2)
        #expect(book.nextDue() == .result(id: "b", status: 200, payload: .json("2")))
        #expect(Self.due(&book) == ["a"])
        #expect(Self.due(&book) == [])
        book.rewind()
        let (first, again) = (book.acknowledged("b"), book.acknowledged("b"))
        #expect(first && !again)
        #expect(Self.due(&book) == ["a"])
        book.acknowledged("a")
        book.rewind()
        #expect(Self.due(&book) == [])
        #expect(book.result(of: "b") == Self.result("2"))
    }

    @Test func repeatsAResultThatIsAskedForAgain() {
        var book = CommandBook()
        book.ended("a", Self.result("1"), at: 1)
        book.ended("b", Self.result("2"), at: 1)
        #expect(Self.due(&book) == ["a", "b"])
        book.repeated("a")
        #expect(Self.due(&book) == ["a"])
        book.acknowledged("a")
        book.repeated("a")
        #expect(book.isAwaited("a"))
        #expect(Self.due(&book) == ["a"])
    }

    @Test func aResultIsGivenOnce() {
        var book = CommandBook()
        book.ended("a", Self.result("1"), at: 1)
        book.ended("a", Self.result("2"), at: 1)
        #expect(book.result(of: "a") == Self.result("1"))
        #expect(Self.due(&book) == ["a"])
    }

    @Test func forgetsOldCommandsButNotWhatIsOwed() {
        var book = CommandBook(limits: .init(least: 3, most: 50, age: 10))
        book.started("running", at: 0)
        book.ended("owed", Self.result("1"), at: 0)
        for number in 0..<20 {
            book.ended("\(number)", Self.result("\(number)"), at: number * 100)
            book.acknowledged("\(number)")
        }
        #expect(book.count == 3)
        #expect(book.result(of: "owed") == Self.result("1"))
        #expect(book.result(of: "19") == Self.result("19"))
        #expect(book.result(of: "18") == nil)
        book.ended("running", Self.result("0"), at: 2000)
        #expect(Self.due(&book) == ["owed", "running"])
    }

    @Test func theNumberOfCommandsIsBounded() {
        var book = CommandBook(limits: .init(least: 3, most: 50, age: 10))
        for number in 0..<1000 {
            book.ended("\(number)", Self.result("1"), at: 1)
            #expect(book.count <= 50)
        }
        #expect(Self.due(&book) == (950..<1000).map { "\($0)" })
        #expect(book.bytes == 50)
    }

    @Test func theBytesOfResultsAreBounded() {
        var book = CommandBook(limits: .init(least: 100, most: 200, age: 10, bytes: 1000))
        let large = "\"" + String(repeating: "x", count: 298) + "\""
        for id in ["a", "b", "c"] { book.ended(id, Self.result(large), at: 1) }
        book.acknowledged("b")
        book.ended("d", Self.result(large), at: 1)
        // The one that the node has goes first, though it is not the oldest.
        #expect(book.result(of: "b") == .forgotten)
        #expect(book.result(of: "a") == Self.result(large))
        book.ended("e", Self.result(large), at: 1)
        #expect(book.result(of: "a") == .forgotten)
        #expect(book.bytes <= 1000)
        #expect(book.count == 5)
    }

    @Test func namesTheLargestResultThatWasSent() {
        var book = CommandBook()
        book.ended("small", Self.result("1"), at: 1)
        book.ended("large", Self.result("12345"), at: 1)
        #expect(book.largestSent == nil)
        _ = Self.due(&book)
        book.ended("not sent", Self.result("1234567"), at: 1)
        #expect(book.largestSent?.id == "large")
        book.replace("large", .failure(500, "x"))
        #expect(book.result(of: "large")?.status == 500)
    }

    // MARK: turns

    static func command(_ id: String, bytes: Int = 1) -> ServerFrame.Command {
        ServerFrame.Command(
            id: id, name: "n", payload: Payload(format: .binary, bytes: ByteBuffer(repeating: 0, count: bytes)),
            timeout: 1)
    }

    @Test func eightCommandsRunAtOnce() {
        var desk = CommandDesk(limit: 2, bytesLimit: 100)
        let first = (0..<8).map { desk.arrived(Self.command("\($0)")) }
        #expect(first == Array(repeating: .start, count: 8))
        #expect(desk.arrived(Self.command("3")) == .repeated)
        #expect(desk.arrived(Self.command("8")) == .wait)
        #expect(desk.arrived(Self.command("8")) == .repeated)
        #expect(desk.arrived(Self.command("9")) == .wait)
        #expect(desk.arrived(Self.command("10")) == .full)
        #expect(desk.ended("5")?.id == "8")
        #expect(desk.isRunning("8") && !desk.isRunning("5"))
        #expect(desk.ended("6")?.id == "9")
        #expect(desk.ended("7") == nil)
        for id in ["0", "1", "2", "3", "4", "8"] { _ = desk.ended(id) }
        #expect(!desk.isIdle)
        _ = desk.ended("9")
        #expect(desk.isIdle)
    }

    @Test func theBytesThatWaitAreBounded() {
        var desk = CommandDesk(limit: 10, bytesLimit: 100)
        for number in 0..<8 { _ = desk.arrived(Self.command("\(number)")) }
        #expect(desk.arrived(Self.command("large", bytes: 1000)) == .wait)
        #expect(desk.arrived(Self.command("a", bytes: 1)) == .full)
        let isOut = desk.withdraw("large")
        #expect(isOut)
        #expect(desk.arrived(Self.command("a", bytes: 60)) == .wait)
        #expect(desk.arrived(Self.command("b", bytes: 60)) == .full)
        #expect(desk.withdrawAll() == ["a"])
        #expect(desk.arrived(Self.command("b", bytes: 60)) == .wait)
    }

    @Test func theFirstReasonToEndCounts() {
        var desk = CommandDesk(limit: 2, bytesLimit: 100)
        _ = desk.arrived(Self.command("a"))
        #expect(desk.reason(for: "a") == nil)
        let known = [desk.end("a", .timedOut), desk.end("a", .cancelled), desk.end("b", .cancelled)]
        #expect(known == [true, true, false])
        #expect(desk.reason(for: "a") == .timedOut)
    }

    // MARK: acknowledgements

    @Test func acknowledgementsWaitOnlyWhilePushesDo() {
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        var acks = AckKeeper()
        #expect(acks.due(isIdle: true, start) == nil)
        acks.handled(offset: "1-0", start)
        #expect(acks.due(isIdle: true, start) == start)
        let later = start + .milliseconds(20)
        acks.handled(offset: "2-0", later)
        #expect(acks.due(isIdle: false, later) == start + .milliseconds(50))
        for number in 3...64 { acks.handled(offset: "\(number)-0", later) }
        #expect(acks.due(isIdle: false, later) == later)
        #expect(acks.take() == [.ack(offset: "64-0")])
        #expect(acks.due(isIdle: true, later) == nil)
    }

    @Test func aSenderThatWaitsIsToldAtOnce() {
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        var acks = AckKeeper()
        acks.handled(id: "a")
        acks.handled(offset: "1-0", start)
        #expect(acks.due(isIdle: false, start) == start)
        #expect(acks.take() == [.received(id: "a"), .ack(offset: "1-0")])
        for number in 0..<2000 { acks.handled(id: "\(number)") }
        #expect(acks.take().count == AckKeeper.idLimit)
    }
}
