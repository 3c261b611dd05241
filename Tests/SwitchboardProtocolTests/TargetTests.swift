import NIOCore
import SwitchboardProtocol
import Testing

/// Whom a push is for, and what it carries, as backends write it.
@Suite struct TargetTests {
    static func client(_ name: String) -> ClientID { ClientID(unchecked: name) }

    @Test(arguments: [
        (#"{"client":"a"}"#, Target.client(client("a")), "client"),
        (#"{"clients":["a","b","a"]}"#, .clients([client("a"), client("b")]), "client"),
        (#"{"group":"g"}"#, .group(GroupName(unchecked: "g")), "group:g"),
        (#"{"labels":{"k":"v"}}"#, .labels(["k": "v"]), "client"),
        (#"{"all":true}"#, .all, "all"),
    ])
    func readsTargets(text: String, target: Target, channel: String) throws {
        let read = try Target(parsing: JSONDocument(ByteBuffer(string: text)))
        #expect(read == target)
        #expect(read.channel == channel)
    }

    static let refused: [(String, TargetError)] = [
        (#"{}"#, .notExactlyOne), (#"{"client":"a","all":true}"#, .notExactlyOne), (#"{"all":false}"#, .notExactlyOne),
        (#"{"all":1}"#, .notExactlyOne), (#"{"user":"a"}"#, .unknownMember("user")),
        (#"{"client":7}"#, .invalidClient("")),
        (#"{"client":"a b"}"#, .invalidClient("a b")), (#"{"clients":[]}"#, .noClients),
        (#"{"clients":"a"}"#, .noClients),
        (#"{"clients":["a",1]}"#, .invalidClient("")), (#"{"group":""}"#, .invalidGroup),
        (#"{"labels":{}}"#, .invalidLabels),
        (#"{"labels":{"a":1}}"#, .invalidLabels),
    ]

    @Test func refusesTooMany() {
        let clients = (0...1000).map { "\"c\($0)\"" }.joined(separator: ",")
        #expect(throws: TargetError.tooManyClients) {
            try Target(parsing: JSONDocument(ByteBuffer(string: "{\"clients\":[\(clients)]}")))
        }
        let labels = (0...32).map { "\"l\($0)\":\"\"" }.joined(separator: ",")
        #expect(throws: TargetError.invalidLabels) {
            try Target(parsing: JSONDocument(ByteBuffer(string: "{\"labels\":{\(labels)}}")))
        }
    }

    @Test(arguments: refused) func refusesOthers(text: String, error: TargetError) {
        #expect(throws: error) { try Target(parsing: JSONDocument(ByteBuffer(string: text))) }
    }

    @Test(arguments: [
        (#"{"data": {"a": 1.0 }}"#, Payload.Format.json, Array(#"{"a": 1.0 }"#.utf8)),
        (#"{"data":null}"#, .json, Array("null".utf8)),
        (#"{"text":"é\n"}"#, .text, Array("é\n".utf8)), (#"{"base64":"AP8K"}"#, .binary, [0, 255, 10]),
        (#"{"base64":""}"#, .binary, []),
    ])
    func readsPayloads(text: String, format: Payload.Format, bytes: [UInt8]) throws {
        let payload = try Payload(parsing: JSONDocument(ByteBuffer(string: text)))
        #expect(payload == Payload(format: format, bytes: ByteBuffer(bytes: bytes)))
    }

    @Test(arguments: [
        (#"{}"#, PayloadError.missing), (#"{"data":1,"text":"a"}"#, .notExactlyOne), (#"{"text":1}"#, .notText),
        (#"{"base64":"A"}"#, .notBase64), (#"{"base64":"QQ"}"#, .notBase64), (#"{"base64":"Q Q="}"#, .notBase64),
        (#"{"base64":5}"#, .notBase64),
    ])
    func refusesOtherPayloads(text: String, error: PayloadError) {
        #expect(throws: error) { try Payload(parsing: JSONDocument(ByteBuffer(string: text))) }
    }
}
