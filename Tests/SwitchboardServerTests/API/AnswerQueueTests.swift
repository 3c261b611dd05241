import NIOCore
import Synchronization
import Testing

@testable import SwitchboardServer

@Suite struct AnswerQueueTests {
    private struct Gone: Error {}

    private func queue(parts: Int = 100, bytes: Int = 1000, unsent: Int = 1000) -> AnswerQueue {
        AnswerQueue(AnswerQueue.Limits(partsUnderWay: parts, bytesUnderWay: bytes, unsentBytes: unsent))
    }

    private func text(_ queue: AnswerQueue) async throws -> String? {
        try await queue.next().map { String(buffer: $0) }
    }

    private func bytes(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    /// What is left until the end.
    private func rest(_ queue: AnswerQueue) async throws -> String {
        var all = ""
        while let text = try await text(queue) { all += text }
        return all
    }

    // MARK: Order

    @Test func partsLeaveInTheOrderInWhichTheyWereBegun() async throws {
        let queue = queue()
        var numbers: [Int] = []
        for _ in 0..<4 { numbers.append(try await queue.begin()) }
        queue.fill(numbers[0], bytes("a"))
        queue.fill(numbers[2], bytes("c"))
        #expect(try await text(queue) == "a")
        queue.fill(numbers[1], bytes("b"))
        #expect(try await text(queue) == "bc")
        queue.finish()
        queue.fill(numbers[3], bytes("d"))
        #expect(try await text(queue) == "d")
        #expect(try await text(queue) == nil)
    }

    @Test func theEndWaitsForWhatIsUnderWay() async throws {
        let queue = queue()
        let number = try await queue.begin()
        queue.finish()
        let all = Task { try await rest(queue) }
        queue.fill(number, bytes("late"))
        #expect(try await all.value == "late")
    }

    @Test func anEmptyPartIsPassedOver() async throws {
        let queue = queue()
        try await queue.add(ByteBuffer())
        try await queue.add(bytes("a"))
        queue.finish()
        #expect(try await rest(queue) == "a")
    }

    @Test func whatIsMuchLeavesInSeveralWrites() async throws {
        let queue = queue(unsent: .max)
        for _ in 0..<3 { try await queue.add(ByteBuffer(repeating: 1, count: 40_000)) }
        queue.finish()
        #expect(try await queue.next()?.readableBytes == 80_000)
        #expect(try await queue.next()?.readableBytes == 40_000)
        #expect(try await queue.next() == nil)
    }

    @Test func aSignLeavesOnlyWhenNothingElseDoes() async throws {
        let queue = queue()
        queue.sign(bytes(":"))
        #expect(try await text(queue) == ":")
        queue.sign(bytes(":"))
        try await queue.add(bytes("a"))
        #expect(try await text(queue) == "a")
        try await queue.add(bytes("b"))
        queue.sign(bytes(":"))
        queue.finish()
        #expect(try await rest(queue) == "b")
    }

    // MARK: Bounds

    @Test func noMorePartsAreUnderWayThanAllowed() async throws {
        let queue = queue(parts: 3)
        let underWay = Mutex((now: 0, most: 0))
        let (begun, beginnings) = AsyncStream.makeStream(of: Int.self)
        let beginner = Task {
            for _ in 0..<100 {
                let number = try await queue.begin()
                underWay.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                beginnings.yield(number)
            }
            beginnings.finish()
        }
        for await number in begun {
            underWay.withLock { $0.now -= 1 }
            queue.fill(number, ByteBuffer())
            for _ in 0..<10 { await Task.yield() }
        }
        try await beginner.value
        #expect(underWay.withLock { $0.most } == 3)
    }

    @Test func whatNobodyReadsStopsTheRest() async throws {
        let queue = queue(unsent: 30)
        let beginner = Task {
            for _ in 0..<100 { try await queue.add(ByteBuffer(repeating: 1, count: 10)) }
            queue.finish()
        }
        var sizes: [Int] = []
        while let part = try await queue.next() {
            sizes.append(part.readableBytes)
            for _ in 0..<20 { await Task.yield() }
        }
        try await beginner.value
        #expect(sizes.reduce(0, +) == 1000)
        #expect(sizes.allSatisfy { $0 <= 30 })
    }

    @Test func onePartMayCostMoreThanAllowed() async throws {
        let queue = queue(bytes: 100)
        let first = try await queue.begin(cost: 1000)
        let second = Task { try await queue.begin(cost: 1) }
        queue.fill(first, ByteBuffer())
        #expect(try await second.value == 1)
    }

    @Test func itIsSettledWhenEveryPartIsReady() async throws {
        let queue = queue()
        let first = try await queue.begin()
        let second = try await queue.begin()
        let ready = Box<Int>()
        let settled = Task {
            try await queue.settle()
            return ready.list
        }
        for number in [second, first] {
            for _ in 0..<10 { await Task.yield() }
            ready.add(number)
            queue.fill(number, ByteBuffer())
        }
        #expect(try await settled.value == [second, first])
    }

    // MARK: Failure

    @Test func aFailureReachesBothSides() async throws {
        let queue = queue(parts: 1)
        let number = try await queue.begin()
        let beginner = Task { _ = try await queue.begin() }
        let taker = Task { _ = try await queue.next() }
        queue.fail(Gone())
        await #expect(throws: Gone.self) { try await beginner.value }
        await #expect(throws: Gone.self) { try await queue.settle() }
        await #expect(throws: Gone.self) { try await taker.value }
        // Parts that become ready nevertheless are left out.
        queue.fill(number, bytes("a"))
        await #expect(throws: Gone.self) { try await queue.next() }
    }

    @Test func theFirstFailureCounts() async throws {
        let queue = queue()
        queue.fail(Gone())
        queue.fail(CancellationError())
        await #expect(throws: Gone.self) { try await queue.next() }
    }
}
