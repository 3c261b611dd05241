import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct UnclaimedMailTests {
    private let mail = UnclaimedMail()

    @Test func whoWasNotedLooksOnce() {
        #expect(!mail.take(client("a")))
        mail.note(client("a"))
        mail.note(client("a"))
        #expect(!mail.take(client("b")))
        #expect(mail.take(client("a")))
        #expect(!mail.take(client("a")))
    }

    @Test func whenTooManyWereNotedEveryoneLooks() {
        for number in 0..<10_000 { mail.note(client("c\(number)")) }
        #expect(!mail.take(client("a")))
        mail.note(client("one too many"))
        #expect(mail.take(client("a")))
        #expect(mail.take(client("a")), "nobody knows who was left out")
    }
}
