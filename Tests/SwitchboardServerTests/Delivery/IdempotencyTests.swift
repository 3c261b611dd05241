import NIOCore
import NIOEmbedded
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct IdempotencyTests {
    private let loop = EmbeddedEventLoop()
    private let idempotency: Idempotency
    private let settled = Box<String>()

    init() {
        let store = InProcessCluster().makeNode(NodeID(unchecked: "n1")).store
        idempotency = Idempotency(store: store, loop: loop)
    }

    /// What a request finds, each finding as a text.
    private func claim(_ key: String = "k", fingerprint: UInt64 = 1, patience: Double = 60) -> Box<String> {
        let found = Box<String>()
        idempotency.claim(key, fingerprint: fingerprint, patience: patience) { result in
            found.add((try? result.get()).map(Self.text) ?? "failed")
        }
        return found
    }

    private static func text(_ finding: Idempotency.Finding) -> String {
        switch finding {
        case .first: "first"
        case .answered(let status, let body): "\(status) \(String(buffer: body))"
        case .pending: "pending"
        case .other: "other"
        }
    }

    private func settle(_ key: String = "k", fingerprint: UInt64 = 1) {
        idempotency.settle(key, (202, ByteBuffer(string: "{}")), fingerprint: fingerprint) { [settled] in
            settled.add(key)
        }
    }

    @Test func theFirstIsTheFirst() {
        #expect(claim().list == ["first"])
        #expect(claim("another").list == ["first"])
    }

    @Test func aRepetitionGetsTheFirstAnswer() {
        _ = claim()
        settle()
        #expect(settled.list == ["k"])
        #expect(claim().list == ["202 {}"])
        #expect(claim().list == ["202 {}"])
    }

    @Test func aRepetitionWaitsForTheFirst() {
        _ = claim()
        let second = claim()
        loop.advanceTime(by: .milliseconds(500))
        #expect(second.list.isEmpty)
        settle()
        loop.advanceTime(by: .milliseconds(50))
        #expect(second.list == ["202 {}"])
        loop.advanceTime(by: .seconds(10))
        #expect(second.list.count == 1)
    }

    @Test func itDoesNotWaitForEver() {
        _ = claim()
        let second = claim(patience: 0)
        #expect(second.list.isEmpty)
        loop.advanceTime(by: .milliseconds(50))
        #expect(second.list == ["pending"])
    }

    @Test func anotherRequestUnderTheSameKeyIsSaidToBeOne() {
        _ = claim()
        #expect(claim(fingerprint: 2).list == ["other"])
        settle()
        #expect(claim(fingerprint: 2).list == ["other"])
    }

    @Test func aKeyThatIsGivenBackIsFree() {
        _ = claim()
        let second = claim()
        idempotency.release("k")
        loop.advanceTime(by: .milliseconds(50))
        // It did not become the first by waiting.
        #expect(second.list == ["pending"])
        #expect(claim().list == ["first"])
    }

    @Test func fingerprintsAreTheSameOnEveryNodeAndTellPartsApart() {
        func print(_ parts: String...) -> UInt64 {
            var fingerprint = Fingerprint()
            for part in parts { fingerprint.add(part) }
            return fingerprint.value
        }
        #expect(print() == 0xCBF2_9CE4_8422_2325)
        #expect(print("ab", "c") != print("a", "bc"))
        #expect(print("ab", "c") == print("ab", "c"))
        var bytes = Fingerprint()
        bytes.add(ByteBuffer(string: "foobar"))
        // A test vector of the draft.
        #expect(bytes.value == 0x8594_4171_F739_67E8)
    }
}
