import NIOCore
import Testing

@testable import SwitchboardRedis

struct LinkStateMachineTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func opensWhenTheCanaryIsBackOnBothWays() {
        var machine = machine()
        machine.subscribed("a", at: start)
        #expect(!machine.isAvailable)
        #expect(machine.returned("a", by: .shared) == .nothing)
        #expect(machine.returned("a", by: .shared) == .nothing)
        #expect(!machine.isAvailable)
        #expect(machine.returned("a", by: .node) == .becameAvailable)
        #expect(machine.isAvailable)
    }

    @Test func ignoresOldCanaries() {
        var machine = machine()
        machine.subscribed("b", at: start)
        #expect(machine.returned("a", by: .shared) == .nothing)
        #expect(machine.returned("a", by: .node) == .nothing)
        #expect(!machine.isAvailable)
    }

    @Test func probesOncePerInterval() {
        var machine = available()
        #expect(machine.tick("b", at: start + .seconds(4)) == .nothing)
        #expect(machine.tick("b", at: start + .seconds(5)) == .probe("b"))
        #expect(machine.tick("c", at: start + .seconds(6)) == .nothing)
        #expect(machine.returned("b", by: .node) == .nothing)
        #expect(machine.returned("b", by: .shared) == .renewed)
        #expect(machine.tick("c", at: start + .seconds(10)) == .probe("c"))
    }

    @Test func givesUpWhenAProbeIsLost() {
        var machine = available()
        #expect(machine.tick("b", at: start + .seconds(5)) == .probe("b"))
        #expect(machine.returned("b", by: .shared) == .nothing)
        #expect(machine.tick("c", at: start + .seconds(14)) == .nothing)
        #expect(machine.isAvailable)
        #expect(machine.tick("c", at: start + .seconds(15)) == .giveUp(.canaryLost))
        #expect(!machine.isAvailable)
        #expect(machine.returned("b", by: .node) == .nothing)
        #expect(machine.tick("c", at: start + .seconds(60)) == .nothing)
    }

    @Test func givesUpWhenTheFirstCanaryOrTheSubscriptionIsLost() {
        var machine = machine()
        machine.subscribed("a", at: start)
        #expect(machine.tick("b", at: start + .seconds(10)) == .giveUp(.canaryLost))
        machine.connected(at: start)
        #expect(machine.tick("b", at: start + .seconds(9)) == .nothing)
        #expect(machine.tick("b", at: start + .seconds(10)) == .giveUp(.timeout))
    }

    private func machine() -> LinkStateMachine {
        var machine = LinkStateMachine(interval: .seconds(5), timeout: .seconds(10))
        machine.connected(at: start)
        return machine
    }

    private func available() -> LinkStateMachine {
        var machine = machine()
        machine.subscribed("a", at: start)
        _ = machine.returned("a", by: .shared)
        _ = machine.returned("a", by: .node)
        return machine
    }
}

struct LinkBackoffTests {
    @Test func doublesUpToTheLongestAndBeginsAnew() {
        var backoff = LinkBackoff(min: .milliseconds(250), max: .seconds(4))
        var highest = Fixed(value: .max)
        let waits = (0..<7).map { _ in backoff.next(using: &highest) / .milliseconds(1) }
        #expect(waits == [500, 1000, 2000, 4000, 4000, 4000, 4000])
        backoff.reset()
        #expect(backoff.next(using: &highest) == .milliseconds(500))
    }

    @Test func neverWaitsLessThanTheShortest() {
        var backoff = LinkBackoff(min: .milliseconds(250), max: .seconds(4))
        var lowest = Fixed(value: 0)
        for _ in 0..<100 { #expect(backoff.next(using: &lowest) == .milliseconds(250)) }
    }

    @Test func spreads() {
        var generator = SystemRandomNumberGenerator()
        let waits = Set(
            (0..<50).map { _ in
                var backoff = LinkBackoff(min: .milliseconds(250), max: .seconds(4))
                return backoff.next(using: &generator)
            })
        #expect(waits.count > 40)
    }

    private struct Fixed: RandomNumberGenerator {
        let value: UInt64
        mutating func next() -> UInt64 { value }
    }
}

struct SubscriptionBookTests {
    @Test func isCompleteWithTheLastConfirmation() {
        var book = SubscriptionBook(channels: ["a", "b"])
        #expect(book.connected() == ["a", "b"])
        #expect(book.confirmed("a") == false)
        #expect(book.confirmed("a") == false)
        #expect(book.confirmed("x") == false)
        #expect(book.confirmed("b") == true)
        #expect(book.confirmed("b") == false)
    }

    @Test func isRenewedOnANewConnection() {
        var book = SubscriptionBook(channels: ["a"])
        #expect(book.confirmed("a") == true)
        #expect(book.connected() == ["a"])
        #expect(book.confirmed("a") == true)
    }
}
