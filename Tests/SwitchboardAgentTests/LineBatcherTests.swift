import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// Lines that are published together.
@Suite struct LineBatcherTests {
    private struct Batch {
        var texts: [String]
        var times: [Int]
        var source: String?
        var skipped: Int
        var lines: Int
    }

    /// So that expectations can take from it.
    private final class Stream {
        private var batcher: LineBatcher

        init(_ batcher: LineBatcher) { self.batcher = batcher }

        var waitingBytes: Int { batcher.waitingBytes }
        func add(_ text: String, at: UInt64) { batcher.add(text, at: at) }
        func lost(_ count: Int) { batcher.lost(count) }
        func putBack() { batcher.putBack() }
        func dueAt(now: UInt64) -> UInt64? { batcher.dueAt(now: now) }

        func take(_ now: UInt64) throws -> Batch? {
            guard let (payload, count, _) = batcher.take(now: now, source: "till-7") else { return nil }
            #expect(payload.format == .json)
            let body = try JSONDocument(payload.bytes)
            let elements = try #require(body["lines"].flatMap(body.elements))
            let lines = elements.compactMap { body.object($0) }
            return Batch(
                texts: lines.compactMap { line in line["text"].flatMap(line.string) },
                times: lines.compactMap { line in line["at"].flatMap(line.integer) },
                source: body["source"].flatMap(body.string), skipped: body["skipped"].flatMap(body.integer) ?? 0,
                lines: count)
        }
    }

    @Test func theFirstLineLeavesAtOnceAndTheNextTogether() throws {
        let batcher = Stream(LineBatcher())
        #expect(batcher.dueAt(now: 0) == nil)
        batcher.add("one \"quoted\"\u{1B}[0m", at: 1_000)
        let first = try #require(try batcher.take(50))
        #expect(first.texts == ["one \"quoted\"\u{1B}[0m"])
        #expect(first.times == [1_000])
        #expect(first.source == "till-7")
        #expect(first.skipped == 0)
        batcher.add("two", at: 1_001)
        batcher.add("three", at: 1_002)
        #expect(batcher.dueAt(now: 60) == 150)
        #expect(try batcher.take(149)?.texts == nil)
        #expect(try #require(try batcher.take(150)).texts == ["two", "three"])
        #expect(batcher.waitingBytes == 0)
    }

    @Test func aFullBatchDoesNotWait() throws {
        let batcher = Stream(LineBatcher(batchBytes: 100, payloadBytes: 100))
        batcher.add("first", at: 0)
        _ = try batcher.take(0)
        for index in 0..<10 { batcher.add("line \(index)", at: 0) }
        var texts: [String] = []
        while let batch = try batcher.take(1) {
            #expect(batch.lines < 10)
            texts += batch.texts
        }
        // What fills no batch waits for its time.
        texts += try #require(try batcher.take(200)).texts
        #expect(texts == (0..<10).map { "line \($0)" })
    }

    @Test func aLineThatIsTooLongForABatchLeavesAlone() throws {
        let batcher = Stream(LineBatcher(batchBytes: 10, payloadBytes: 10))
        batcher.add(String(repeating: "x", count: 100), at: 0)
        batcher.add("y", at: 0)
        #expect(try #require(try batcher.take(0)).texts.count == 1)
        #expect(try #require(try batcher.take(0)).texts == ["y"])
    }

    @Test func theOldestAreLeftOutAndCounted() throws {
        let batcher = Stream(LineBatcher(payloadBytes: 1 << 20, backlogBytes: 10_000))
        for index in 0..<5_000 { batcher.add("line \(index)", at: 0) }
        #expect(batcher.waitingBytes <= 10_000)
        let batch = try #require(try batcher.take(0))
        #expect(batch.skipped + batch.lines == 5_000)
        #expect(batch.texts.last == "line 4999")
        #expect(batch.texts.first == "line \(batch.skipped)")
        batcher.add("after", at: 0)
        #expect(try #require(try batcher.take(100)).skipped == 0)
    }

    @Test func whatDidNotArriveIsCounted() throws {
        let batcher = Stream(LineBatcher())
        for text in ["a", "b"] { batcher.add(text, at: 0) }
        let batch = try #require(try batcher.take(0))
        batcher.lost(batch.lines)
        #expect(try batcher.take(1_000)?.texts == nil)
        batcher.add("c", at: 0)
        #expect(try #require(try batcher.take(1_000)).skipped == 2)
    }

    @Test func whatCannotLeaveWaitsInItsPlace() throws {
        let batcher = Stream(LineBatcher())
        batcher.lost(7)
        for text in ["a", "b"] { batcher.add(text, at: 0) }
        let waiting = batcher.waitingBytes
        _ = try batcher.take(0)
        batcher.putBack()
        #expect(batcher.waitingBytes == waiting)
        batcher.add("c", at: 0)
        let batch = try #require(try batcher.take(1_000))
        #expect(batch.texts == ["a", "b", "c"])
        #expect(batch.skipped == 7)
        #expect(batcher.waitingBytes == 0)
    }

    @Test func overlongLinesAreCutWithAnEllipsis() {
        for size in 1...40 {
            let text = Array("abcdéfghijkl\nabcde\r\nabcdé\n".utf8)
            var splitter = LineSplitter(limit: 5, cuts: true)
            let lines = stride(from: 0, to: text.count, by: size).flatMap {
                splitter.feed(text[$0..<min($0 + size, text.count)])
            }
            #expect(lines == ["abcd\u{2026}", "abcde", "abcd\u{2026}"])
        }
    }
}
