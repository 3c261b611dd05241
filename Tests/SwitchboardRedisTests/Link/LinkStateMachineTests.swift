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
    @Test(
        "The n-th wait is spread between the shortest and its ceiling",
        arguments: [
            (1, 500.0), (2, 1000), (3, 2000), (4, 4000), (5, 4000), (40, 4000),
        ])
    func doublesUpToTheLongest(attempt: Int, ceiling: Double) {
        let waits = (0..<2000).map { _ in
            var backoff = LinkBackoff(min: .milliseconds(250), max: .seconds(4))
            for _ in 1..<attempt { _ = wait(&backoff) }
            return wait(&backoff)
        }
        #expect(waits.allSatisfy { (250...ceiling).contains($0) })
        // With 2000 draws the ends are all but certainly met to a twentieth of the span.
        let margin = (ceiling - 250) / 20
        #expect(waits.contains { $0 < 250 + margin })
        #expect(waits.contains { $0 > ceiling - margin })
    }

    @Test func beginsAnewAfterASuccess() {
        var backoff = LinkBackoff(min: .milliseconds(250), max: .seconds(4))
        for _ in 0..<10 { _ = wait(&backoff) }
        backoff.reset()
        #expect(wait(&backoff) <= 500)
    }

    /// Milliseconds.
    private func wait(_ backoff: inout LinkBackoff) -> Double {
        var generator = SystemRandomNumberGenerator()
        return backoff.next(using: &generator) / .milliseconds(1)
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
