import Testing

@testable import SwitchboardRedis

struct ReplicationRoundsTests {
    private typealias Rounds = ReplicationRounds<String>

    private func sending(_ rounds: inout Rounds) -> Bool { rounds.sending() }

    private func waited(_ rounds: inout Rounds) -> [String] {
        let (covered, goesOn) = rounds.waited()
        return covered + (goesOn ? ["..."] : [])
    }

    @Test func oneWaitServesAllThatWereWrittenBeforeIt() {
        var rounds = Rounds()
        #expect(sending(&rounds))
        #expect(!sending(&rounds))
        rounds.answered("a")
        rounds.answered("b")
        #expect(waited(&rounds) == ["a", "b"])
        #expect(sending(&rounds), "nothing is under way any more")
    }

    @Test func whatIsWrittenBehindItNeedsAnother() {
        var rounds = Rounds()
        _ = rounds.sending()
        rounds.answered("a")
        #expect(!sending(&rounds))
        #expect(waited(&rounds) == ["a", "..."])
        rounds.answered("b")
        #expect(!sending(&rounds))
        #expect(waited(&rounds) == ["b", "..."])
        rounds.answered("c")
        #expect(waited(&rounds) == ["c"])
    }

    @Test func whatFailsIsNotWaitedFor() {
        var rounds = Rounds()
        _ = rounds.sending()
        _ = rounds.sending()
        rounds.failed()
        rounds.answered("b")
        #expect(waited(&rounds) == ["b"])
        _ = rounds.sending()
        rounds.failed()
        #expect(waited(&rounds) == [])
    }
}
