import NIOCore
import SwitchboardProtocol
import Testing

/// What is signed, and how a signature travels.
@Suite struct SigningTests {
    static let signature = CommandSignature(
        key: SigningKeyID(unchecked: "ops-1"), issued: 1_795_312_800, expires: 1_795_313_100, value: "AQ-_")

    private static func json(_ text: String) -> Payload { Payload(format: .json, bytes: ByteBuffer(string: text)) }

    private static func statement(
        _ name: String = "restart", _ payload: Payload = SigningTests.json(#"{"delay": 5.0}"#)
    )
        -> CommandStatement
    {
        CommandStatement(
            client: ClientID(unchecked: "kiosk-7"), id: CommandID(unchecked: "restart-81"), name: name,
            payload: payload,
            key: SigningKeyID(unchecked: "ops-1"), issued: 1_795_312_800, expires: 1_795_313_100)
    }

    private static func text(_ statement: CommandStatement) -> String? { statement.bytes.map { String(buffer: $0) } }

    @Test func theBytesAreThoseOfTheDocument() {
        let head = "switchboard-command-v1\nops-1\nkiosk-7\nrestart-81\n1795312800\n1795313100\n"
        #expect(Self.text(Self.statement()) == head + "restart\ndata\n" + #"{"delay": 5.0}"#)
        #expect(
            Self.text(Self.statement("ü", Payload(format: .binary, bytes: ByteBuffer(string: "data\n1"))))
                == head + "ü\nbase64\ndata\n1")
        // Text arrives as the JSON string that it is framed in.
        #expect(
            Self.text(Self.statement("n", Payload(format: .text, bytes: ByteBuffer(string: "a\n\""))))
                == head + "n\ndata\n" + #""a\n\"""#)
        #expect(
            String(buffer: Self.statement().content)
                == "switchboard-command-v1 content\nkiosk-7\nrestart-81\nrestart\ndata\n" + #"{"delay": 5.0}"#)
    }

    @Test(arguments: ["a\nb", "a\rb", "\u{85}", "\0", "\u{7f}"])
    func aNameThatCouldBeReadInTwoWaysCannotBeSigned(name: String) {
        #expect(Self.statement(name).bytes == nil)
    }

    @Test func aSignatureGoesThroughFramesUntouched() throws {
        let frame = ServerFrame.command(
            ServerFrame.Command(
                id: "c", name: "n", payload: Self.json("3.20"), timeout: 30, signature: Self.signature))
        var text = ByteBuffer()
        frame.write(into: &text)
        #expect(
            String(buffer: text)
                == #"{"type":"command","id":"c","name":"n","timeout":30,"signature":"#
                + #"{"key":"ops-1","issued":1795312800,"expires":1795313100,"value":"AQ-_"},"data":3.20}"#)
        #expect(try ServerFrame(parsing: text) == frame)
    }

    @Test(arguments: [
        "1", "{}", #"{"key":"k","issued":1,"expires":2}"#,
        #"{"key":"k","issued":1,"expires":2,"value":"A","alg":"none"}"#,
        #"{"key":"a b","issued":1,"expires":2,"value":"AA"}"#, #"{"key":"k","issued":-1,"expires":2,"value":"AA"}"#,
        #"{"key":"k","issued":1.5,"expires":2,"value":"AA"}"#, #"{"key":"k","issued":1,"expires":"2","value":"AA"}"#,
        #"{"key":"k","issued":1,"expires":253402300800,"value":"AA"}"#,
        #"{"key":"k","issued":1,"expires":2,"value":""}"#,
        #"{"key":"k","issued":1,"expires":2,"value":"A="}"#, #"{"key":"k","issued":1,"expires":2,"value":"A+"}"#,
    ])
    func whatIsNoSignatureCountsAsNone(text: String) throws {
        let frame = #"{"type":"command","id":"c","name":"n","timeout":1,"signature":\#(text)}"#
        guard case .command(let command) = try ServerFrame(parsing: ByteBuffer(string: frame)) else {
            Issue.record("no command")
            return
        }
        #expect(command.signature == nil)
    }

    @Test func aValueHasALimit() {
        func signature(_ length: Int) -> CommandSignature? {
            CommandSignature(
                key: SigningKeyID(unchecked: "k"), issued: 1, expires: 2, value: String(repeating: "A", count: length))
        }
        #expect(signature(512) != nil && signature(513) == nil)
    }

    @Test func oneValueHasOneSpelling() {
        // RFC 4648 section 10, in the alphabet of section 5.
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")] {
            #expect(Base64URL.encode(bytes.utf8) == text)
            #expect(Base64URL.decode(text.utf8) == Array(bytes.utf8))
        }
        #expect(Base64URL.encode([251, 255] as [UInt8]) == "-_8")
        for wrong in ["Zg==", "Zh", "Z", "Zm9vY", "+/8", "Zm 9v", "Zm9v\n", "é"] {
            #expect(Base64URL.decode(wrong.utf8) == nil, "\(wrong)")
        }
    }

    @Test func whiteSpaceAroundAValueIsNotPartOfIt() {
        for (text, value) in [(" \t\r\n[1, 2]\n", "[1, 2]"), ("1", "1"), ("\" \"", "\" \""), (" ", "")] {
            #expect(ByteBuffer(string: text).withoutSpaceAround == ByteBuffer(string: value))
        }
    }
}
