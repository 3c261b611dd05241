import Testing

@testable import SwitchboardCore

@Suite struct ExpiringTableTests {
    @Test func aValueIsThereUntilItsTimeIsUp() {
        var table = ExpiringTable<String, Int>(maximumCount: 10, maximumBytes: 100)
        table.set("a", 1, bytes: 1, deadline: 10, now: 0)
        #expect(table.value("a", now: 9) == 1)
        #expect(table.value("a", now: 10) == nil)
        #expect(table.value("b", now: 0) == nil)
    }

    @Test func beyondTheNumberTheOldestGoes() {
        var table = ExpiringTable<Int, Int>(maximumCount: 3, maximumBytes: 100)
        for key in 0..<5 { table.set(key, key, bytes: 1, deadline: 10, now: 0) }
        #expect((0..<5).map { table.value($0, now: 0) } == [nil, nil, 2, 3, 4])
        #expect(table.count == 3)
        // What is written again is new again.
        table.set(2, 2, bytes: 1, deadline: 10, now: 0)
        table.set(5, 5, bytes: 1, deadline: 10, now: 0)
        #expect(table.value(2, now: 0) == 2)
        #expect(table.value(3, now: 0) == nil)
    }

    @Test func beyondTheBytesTheOldestGo() {
        var table = ExpiringTable<Int, Int>(maximumCount: 100, maximumBytes: 10)
        for key in 0..<4 { table.set(key, key, bytes: 3, deadline: 10, now: 0) }
        #expect((0..<4).map { table.value($0, now: 0) } == [nil, 1, 2, 3])
        #expect(table.update(3, deadline: 10, now: 0) { _ in 4 })
        #expect((0..<4).map { table.value($0, now: 0) } == [nil, nil, 2, 3])
        #expect(table.bytes == 10)
    }

    @Test func whatIsOverMakesRoomWithoutBeingAsked() {
        var table = ExpiringTable<Int, Int>(maximumCount: 100, maximumBytes: 100)
        for key in 0..<5 { table.set(key, key, bytes: 3, deadline: 10, now: 0) }
        table.set(5, 5, bytes: 3, deadline: 20, now: 10)
        #expect(table.count == 1)
        #expect(table.bytes == 3)
    }

    @Test func anUpdateGivesMoreTimeButMeetsNoValueThatIsOver() {
        var table = ExpiringTable<Int, Int>(maximumCount: 100, maximumBytes: 100)
        table.set(1, 1, bytes: 1, deadline: 10, now: 0)
        #expect(
            table.update(1, deadline: 30, now: 9) { value in
                value += 1
                return 0
            })
        #expect(table.value(1, now: 29) == 2)
        #expect(!table.update(1, deadline: 60, now: 30) { _ in 0 })
        #expect(!table.update(2, deadline: 60, now: 0) { _ in 0 })
    }

    /// Claims and removals must not pile up behind one value that stays.
    @Test func removedOnesLeaveNothingBehind() {
        var table = ExpiringTable<Int, Int>(maximumCount: 10, maximumBytes: 1000)
        table.set(-1, -1, bytes: 1, deadline: 10, now: 0)
        for key in 0..<20_000 {
            table.set(key, key, bytes: 1, deadline: 10, now: 0)
            table.remove(key)
        }
        #expect(table.value(-1, now: 0) == -1)
        #expect(table.count == 1)
        #expect(table.bytes == 1)
        #expect(table.order.count < 2000)
    }
}
