import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@Suite struct BusCodecTests {
    @Test func everyMessageComesBackAsItWas() throws {
        for message in BusSamples.all {
            let wire = BusCodec.encode(message)
            let back = try BusSamples.decode(wire)
            // Not shown in full: some payloads have a megabyte.
            #expect((back == message) == true, "\(String(buffer: wire).prefix(200))")
        }
    }

    @Test func messagesAreReadWhereverTheyStandInABuffer() throws {
        for message in BusSamples.all {
            let wire = BusCodec.encode(message)
            var buffer = ByteBuffer(string: "garbage\n")
            buffer.writeImmutableBuffer(wire)
            buffer.moveReaderIndex(forwardBy: 8)
            #expect((try BusSamples.decode(buffer) == message) == true, "\(String(buffer: wire).prefix(200))")
        }
    }

    /// What lets any program read and write the format with line tools.
    @Test func theHeaderIsOneLineAndThePayloadFollowsVerbatim() throws {
        for payload in BusSamples.payloads {
            let wire = BusCodec.encode(.push(BusSamples.push(payload)))
            let newline = try #require(wire.readableBytesView.firstIndex(of: 0x0A))
            let header = try #require(wire.getSlice(at: 0, length: newline))
            #expect(throws: Never.self) { try JSONDocument(header) }
            let body = wire.getSlice(at: newline + 1, length: wire.writerIndex - newline - 1)
            #expect((body == payload.bytes) == true)
        }
    }

    @Test func thePayloadIsNotCopied() throws {
        let wire = BusCodec.encode(.push(BusSamples.push(text("shared"))))
        guard case .push(let push) = try BusSamples.decode(wire) else {
            Issue.record("it is no push")
            return
        }
        let end = wire.withUnsafeReadableBytes {
            $0.baseAddress.map { UInt(bitPattern: $0) + UInt(wire.readableBytes) }
        }
        let payloadEnd = push.payload.bytes.withUnsafeReadableBytes { bytes in
            bytes.baseAddress.map { UInt(bitPattern: $0) + UInt(bytes.count) }
        }
        #expect(payloadEnd == end)
    }

    private struct Form: Sendable, CustomTestStringConvertible {
        let wire: String
        let expected: BusPush
        var testDescription: String { wire.debugDescription }

        init(_ wire: String, _ format: Payload.Format, _ payload: String, to target: Target = .all, id: String = "new")
        {
            self.wire = wire
            expected = BusPush(
                id: PushID(unchecked: id), target: target,
                payload: Payload(format: format, bytes: ByteBuffer(string: payload)))
        }
    }

    private static let forms = [
        Form(#"{"to":{"all":true},"text":"hi"}"#, .text, "hi"),
        Form(#"{"to":{"all":true},"text":""}"#, .text, ""),
        Form(#"{"to":{"all":true},"text":"hi"}"# + "\n", .text, "hi"),
        Form(#"{"to":{"all":true},"text":"hi"}"# + "\r\n", .text, "hi"),
        Form(#"{"type":"push","to":{"all":true},"text":"a\nb"}"#, .text, "a\nb"),
        Form(#"{"to":{"client":"k"},"data":{"x": 1.0}}"#, .json, #"{"x": 1.0}"#, to: .client(client("k"))),
        Form(#"{"to":{"group":"g"},"data":null,"id":"o-1"}"#, .json, "null", to: .group(group("g")), id: "o-1"),
        Form(
            #"{"to":{"clients":["a","b","a"]},"base64":"aGk="}"#, .binary, "hi",
            to: .clients([client("a"), client("b")])),
        Form(#"{"to":{"labels":{"k":"v"}},"base64":""}"#, .binary, "", to: .labels(["k": "v"])),
        Form(#"  { "unknown" : [1] , "to" : { "all" : true } }  "# + "\n{\"a\": 1}", .json, #"{"a": 1}"#),
        Form(#"{"to":{"all":true}}"# + "\n\"text\"", .json, "\"text\""),
        Form(#"{"to":{"all":true}}"# + "\nhello {", .text, "hello {"),
        Form(#"{"to":{"all":true}}"# + "\n\n", .text, "\n"),
        Form(#"{"to":{"all":true},"format":"text"}"# + "\n1", .text, "1"),
        Form(#"{"to":{"all":true},"format":"binary"}"# + "\n1\n2", .binary, "1\n2"),
        Form(#"{"to":{"all":true},"format":"text"}"#, .text, ""),
    ]

    @Test(arguments: forms)
    private func otherProgramsMayWriteLess(form: Form) throws {
        #expect(try BusSamples.decode(ByteBuffer(string: form.wire)) == .push(form.expected))
    }

    @Test func bytesThatAreNoTextAreBinary() throws {
        var wire = ByteBuffer(string: #"{"to":{"all":true}}"# + "\n")
        wire.writeBytes([0xFF, 0x00])
        let payload = Payload(format: .binary, bytes: ByteBuffer(bytes: [0xFF, 0x00]))
        #expect(
            try BusSamples.decode(wire) == .push(BusPush(id: BusSamples.newID, target: .all, payload: payload)))
    }
}
