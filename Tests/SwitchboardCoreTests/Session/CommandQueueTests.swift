import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardCore

@Suite struct CommandQueueTests {
    private func command(_ number: Int, from origin: String = "n1") -> BusCommand {
        BusCommand(
            id: CommandID(unchecked: "c\(number)"), client: ClientID(unchecked: "k"), name: "do",
            payload: Payload(format: .json, bytes: ByteBuffer(string: "1")), timeout: 1,
            origin: NodeID(unchecked: origin))
    }

    private func id(_ number: Int) -> CommandID { CommandID(unchecked: "c\(number)") }

    private func filled() -> CommandQueue {
        var queue = CommandQueue()
        for number in 0..<CommandQueue.maximumRunning { #expect(queue.add(command(number), now: 0) == .start) }
        return queue
    }

    @Test func someRunAndTheRestWaitInOrder() {
        var queue = filled()
        #expect(queue.add(command(8), now: 0) == .wait)
        #expect(queue.add(command(9), now: 0) == .wait)
        let (finished, next) = queue.finish(id(3), now: 0)
        #expect(finished == command(3))
        #expect(next == command(8))
        #expect(queue.command(id(8)) == command(8))
        #expect(queue.command(id(9)) == nil)
        #expect(queue.finish(id(3), now: 0).finished == nil)
        #expect(queue.finish(id(9), now: 0).finished == nil)
        #expect(queue.finish(id(8), now: 0).next == command(9))
        #expect(queue.finish(id(9), now: 0).next == nil)
    }

    @Test func tooManyAreRefused() {
        var queue = filled()
        for number in 0..<CommandQueue.maximumWaiting { #expect(queue.add(command(100 + number), now: 0) == .wait) }
        #expect(queue.add(command(9999), now: 0) == .full)
        #expect(queue.add(command(100), now: 0) == .repeated)
        _ = queue.finish(id(0), now: 0)
        #expect(queue.add(command(9999), now: 0) == .wait)
    }

    @Test func aRepetitionIsNotStartedAndItsCallerGetsTheAnswer() {
        var queue = filled()
        #expect(queue.add(command(20), now: 0) == .wait)
        #expect(queue.add(command(0, from: "n2"), now: 0) == .repeated)
        #expect(queue.add(command(20, from: "n3"), now: 0) == .repeated)
        #expect(queue.finish(id(0), now: 0) == (command(0, from: "n2"), command(20, from: "n3")))
    }

    @Test func aWaitingOneIsWithdrawnAndARunningOneIsTold() {
        var queue = filled()
        _ = queue.add(command(8), now: 0)
        #expect(queue.cancel(id(8)) == .removed)
        #expect(queue.cancel(id(8)) == .unknown)
        #expect(queue.cancel(id(0)) == .running)
        #expect(queue.finish(id(0), now: 0) == (command(0), nil))
    }

    @Test func whatHasWaitedTooLongIsNotStarted() {
        var queue = filled()
        #expect(queue.add(command(8), now: 0) == .wait)
        #expect(queue.add(command(9), now: 500) == .wait)
        #expect(queue.finish(id(0), now: 1000) == (command(0), command(9)))
        #expect(queue.finish(id(1), now: 1000) == (command(1), nil))
    }

    @Test func theEndTellsWhichWereSent() {
        var queue = filled()
        _ = queue.add(command(8), now: 0)
        let (running, waiting) = queue.removeAll()
        #expect(Set(running.map(\.id)) == Set((0..<8).map(id)))
        #expect(waiting == [command(8)])
        #expect(queue.isEmpty)
    }
}

private func == (
    left: (finished: BusCommand?, next: BusCommand?), right: (finished: BusCommand?, next: BusCommand?)
) -> Bool { left.finished == right.finished && left.next == right.next }
