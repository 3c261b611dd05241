import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@Suite struct RolloutDefinitionTests {
    @Test("What is kept comes back", arguments: works, targets)
    func roundTrip(work: RolloutWork, target: Target) throws {
        let definition = RolloutDefinition(
            id: RolloutID(unchecked: "r:1"), target: target, work: work,
            terms: RolloutTerms(total: 500, canary: 25, rate: 600, share: 0.1, minimum: 10, canaryWait: 35),
            createdAt: 1_700_000_000_123, author: "deploy \"x\"", fingerprint: .max)
        #expect(RolloutDefinition(definition.bytes) == definition)
        #expect(definition.orderID(at: 7) == "r:1:7")
    }

    static let works: [RolloutWork] = {
        let json = Payload(format: .json, bytes: ByteBuffer(string: "{ \"a\" :\n 1e999 }"))
        var push = RolloutWork.Push(payload: Payload(format: .binary, bytes: ByteBuffer(bytes: [0, 255])), wait: 2.5)
        push.isDurable = true
        push.timeToLive = 60
        push.collapse = "k\n"
        return [
            .command(RolloutWork.Command(name: "up date", payload: json, timeout: 0.5)), .push(push),
            .push(RolloutWork.Push(payload: Payload(format: .text, bytes: ByteBuffer(string: "\"é")), wait: 30)),
        ]
    }()

    static let targets: [Target] = [
        .all, .client(ClientID(unchecked: "a")), .clients([ClientID(unchecked: "b"), ClientID(unchecked: "a")]),
        .group(GroupName(unchecked: "g")), .labels(["a": "b"]),
    ]

    @Test("What is no definition is none", arguments: ["", "{}", "[]", "{\"id\":\"x\",\"to\":{\"all\":true}}"])
    func refused(text: String) {
        #expect(RolloutDefinition(ByteBuffer(string: text)) == nil)
    }

    @Test("An outcome as text", arguments: ["5 200 -", "5 - client_offline", "5 500 status", "5 - -"])
    func outcome(text: String) {
        #expect(RolloutOutcome(text)?.text == text)
    }

    @Test("What is no outcome is none", arguments: ["", "n1", "5 200", "x 200 -", "5 200 - -"])
    func noOutcome(text: String) {
        #expect(RolloutOutcome(text) == nil)
    }
}
