import NIOCore
import SwitchboardCore
import Synchronization
import Testing

@testable import SwitchboardRedis

// There is another one in SwitchboardCore.
private typealias CommandQueue = SwitchboardRedis.CommandQueue

struct CommandQueueTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func answersInOrder() {
        var queue = CommandQueue()
        let seen = Results()
        _ = queue.send([seen.command("a"), seen.command("b")], deadline: start)
        for reply in [RESPReply.integer(1), .integer(2)] {
            guard case .complete(let command, let reply) = queue.received(reply) else {
                Issue.record("nobody waits")
                return
            }
            command.complete(reply)
        }
        #expect(seen.all == ["a: 1", "b: 2"])
    }

    @Test func setsTheTimerOnceForManyCommands() {
        var queue = CommandQueue()
        let seen = Results()
        guard case .sendAndArm(let deadline) = queue.send([seen.command("a")], deadline: start + .seconds(5)) else {
            Issue.record("no timer for the first")
            return
        }
        #expect(deadline == start + .seconds(5))
        guard case .send = queue.send([seen.command("b")], deadline: start + .seconds(6)) else {
            Issue.record("a second timer")
            return
        }
        _ = queue.received(.integer(1))
        #expect(queue.deadlinePassed(now: start + .seconds(5)) == .arm(start + .seconds(6)))
        _ = queue.received(.integer(2))
        #expect(queue.deadlinePassed(now: start + .seconds(6)) == .nothing)
    }

    @Test func closesWhenTheOldestIsLate() {
        var queue = CommandQueue()
        _ = queue.send([Results().command("a")], deadline: start)
        #expect(queue.deadlinePassed(now: start) == .close(.timeout))
    }

    @Test func failsWhatWaitsWhenClosed() {
        var queue = CommandQueue()
        let seen = Results()
        _ = queue.send([seen.command("a"), seen.command("b")], deadline: start)
        for command in queue.close(.unavailable("gone")) { command.fail(.unavailable("gone")) }
        #expect(seen.all == ["a: failed", "b: failed"])
        #expect(queue.close(.unavailable("again")).isEmpty)
        guard case .fail(let commands, .unavailable("gone")) = queue.send([seen.command("c")], deadline: start) else {
            Issue.record("sent after the end")
            return
        }
        #expect(commands.count == 1)
    }

    @Test func closesOnAReplyToNothing() {
        var queue = CommandQueue()
        guard case .close(.protocolError) = queue.received(.integer(1)) else {
            Issue.record("accepted")
            return
        }
    }

    @Test func deliversWhatIsPublishedBehindTheLastReply() {
        var queue = CommandQueue()
        let seen = Results()
        _ = queue.send([seen.command("a")], deadline: start)
        queue.listen()
        guard case .complete = queue.received(.status("OK")), case .deliver(.array) = queue.received(.array([])) else {
            Issue.record("not told apart")
            return
        }
        guard case .close(.denied) = queue.received(.error("NOPERM no channel")) else {
            Issue.record("a refused subscription went unnoticed")
            return
        }
    }

    @Test(
        "Some errors end the connection, others only their command",
        arguments: [
            ("LOADING Redis is loading the dataset in memory", RedisTrouble.loading),
            ("READONLY You can't write against a read only replica.", .readOnly),
            ("ERR Error running script (call to f_0): @user_script:3: -READONLY You can't write against", .readOnly),
            ("NOAUTH Authentication required.", .wrongPassword("NOAUTH Authentication required.")),
            ("OOM command not allowed when used memory > 'maxmemory'.", nil), ("NOSCRIPT No matching script.", nil),
            ("ERR unknown command", nil),
        ])
    func tellsErrorsApart(text: String, trouble: RedisTrouble?) {
        var queue = CommandQueue()
        let seen = Results()
        _ = queue.send([seen.command("a")], deadline: start)
        switch queue.received(.error(text)) {
        case .complete(let command, let reply):
            command.complete(reply)
            #expect(trouble == nil)
        case .completeAndClose(let command, let reply, let found):
            command.complete(reply)
            #expect(found == trouble)
        case .deliver, .close: Issue.record("not answered")
        }
        #expect(seen.all == ["a: failed"])
    }
}

/// Notes what became of commands.
private final class Results: Sendable {
    private let seen = Mutex<[String]>([])

    var all: [String] { seen.withLock { $0 } }

    func command(_ name: String) -> PendingCommand {
        PendingCommand(
            consumer: .receivers { result in
                let text = (try? result.get()).map { "\($0)" } ?? "failed"
                self.seen.withLock { $0.append("\(name): \(text)") }
            }, bytes: 1)
    }
}
