import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct CommandRecordTests {
    private static func record(_ outcome: CommandOutcome?) -> CommandRecord {
        var record = CommandRecord(
            id: CommandID(unchecked: "c"), client: client("a"), name: "open \"drawer\"\u{1F600}",
            origin: NodeID(unchecked: "n1"))
        record.outcome = outcome
        return record
    }

    @Test(
        arguments: [
            (nil, "pending"), (.offline, "failed"), (.noResult, "failed"), (.unsupported, "failed"),
            (.queueFull, "failed"), (.conflict, "failed"), (.cancelled, "failed"),
            (.result(status: 204, nil, milliseconds: 7), "done"),
            (.result(status: 500, Payload(format: .json, bytes: ByteBuffer(string: "{ }")), milliseconds: 0), "done"),
            (
                .result(status: 200, Payload(format: .binary, bytes: ByteBuffer(bytes: [0, 255])), milliseconds: 1),
                "done"
            ),
        ] as [(CommandOutcome?, String)])
    func nothingIsLostOnTheWay(outcome: CommandOutcome?, state: String) {
        let record = Self.record(outcome)
        #expect(CommandRecord(record.bytes) == record)
        #expect(CommandRecord(record.bytes)?.state == state)
    }

    @Test func aFailureOfTheBusStaysOne() {
        for error in [BusError.overloaded, .unavailable("why")] {
            guard case .failed(.unavailable) = CommandRecord(Self.record(.failed(error)).bytes)?.outcome else {
                Issue.record("\(error) was not kept")
                continue
            }
        }
    }

    @Test func textIsKeptAsTheJSONStringThatClientsGet() {
        let text = Payload(format: .text, bytes: ByteBuffer(string: "a\"b"))
        let read = CommandRecord(Self.record(.result(status: 200, text, milliseconds: 0)).bytes)
        let json = Payload(format: .json, bytes: ByteBuffer(string: #""a\"b""#))
        #expect(read?.outcome == .result(status: 200, json, milliseconds: 0))
    }

    @Test(arguments: [
        "", "{}", "[]", #"{"id":"c","client":"a","name":"x"}"#, #"{"id":"c d","client":"a","name":"x","origin":"n"}"#,
        #"{"id":"c","client":"","name":"x","origin":"n"}"#, #"{"id":"c","client":"a","name":1,"origin":"n"}"#,
    ])
    func whatIsNoneIsNotTakenForOne(text: String) { #expect(CommandRecord(ByteBuffer(string: text)) == nil) }

    @Test func theSameCommandIsOneToTheSameClientWithTheSameName() {
        let (bus, store) = InProcessCluster().makeNode(NodeID(unchecked: "n1"))
        let commands = Commands(bus: bus, store: store, loop: TestNode().loop)
        func call(_ name: String, to client: ClientID) -> CommandCall {
            let payload = Payload(format: .json, bytes: ByteBuffer(string: "1"))
            return CommandCall(CommandOrder(name: name, payload: payload), to: client, commands: commands)
        }
        let record = Self.record(nil)
        #expect(record.isOf(call(record.name, to: record.client)))
        #expect(!record.isOf(call("other", to: record.client)))
        #expect(!record.isOf(call(record.name, to: client("b"))))
    }
}
