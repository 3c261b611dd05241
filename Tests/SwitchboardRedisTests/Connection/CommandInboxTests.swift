import NIOCore
import SwitchboardCore
import Testing

@testable import SwitchboardRedis

struct CommandInboxTests {
    @Test func wakesTheLoopOncePerRound() {
        let inbox = CommandInbox(limit: 10, byteLimit: 1000)
        #expect(outcomes(inbox, 3) == ["first", "accepted", "accepted"])
        #expect(inbox.take().commands.count == 3)
        #expect(outcomes(inbox, 1) == ["first"])
    }

    @Test func boundsTheNumberUntilTheRepliesAreThere() {
        let inbox = CommandInbox(limit: 2, byteLimit: 1000)
        #expect(outcomes(inbox, 3) == ["first", "accepted", "overloaded"])
        let commands = inbox.take().commands
        #expect(outcomes(inbox, 1) == ["overloaded"])
        inbox.answered(1, bytes: commands[0].bytes)
        #expect(outcomes(inbox, 2) == ["first", "overloaded"])
        #expect(inbox.accepted == 3)
    }

    @Test func boundsTheBytes() {
        let inbox = CommandInbox(limit: 10, byteLimit: 20)
        #expect(outcomes(inbox, 3) == ["first", "accepted", "overloaded"])
        let commands = inbox.take().commands
        inbox.answered(2, bytes: commands.map(\.bytes).reduce(0, +))
        #expect(outcomes(inbox, 1) == ["first"])
    }

    @Test func refusesWhenClosed() {
        let inbox = CommandInbox(limit: 10, byteLimit: 1000)
        #expect(outcomes(inbox, 1) == ["first"])
        #expect(inbox.close(.timeout).count == 1)
        #expect(outcomes(inbox, 1) == ["the bus is unavailable: Redis did not answer in time"])
        #expect(inbox.take().bytes.isEmpty)
    }

    private func outcomes(_ inbox: CommandInbox, _ count: Int) -> [String] {
        (0..<count).map { _ in
            let outcome = inbox.add(.nobody) { buffer in
                buffer.command(arguments: 1)
                buffer.argument("PING" as StaticString)
            }
            switch outcome {
            case .accepted: return "accepted"
            case .acceptedFirst: return "first"
            case .refused(.overloaded): return "overloaded"
            case .refused(let error): return error.description
            }
        }
    }
}
