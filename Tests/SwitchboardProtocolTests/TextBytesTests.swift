import NIOCore
import Testing

@testable import SwitchboardProtocol

/// Texts of strangers are compared by their bytes: what Unicode makes of them can take time by the square of their length.
@Suite struct TextBytesTests {
    /// Combining characters whose order Unicode has to sort out.
    private static let marks = String(repeating: "\u{315}\u{316}", count: 15_000)

    @Test func comparesByBytes() {
        #expect(TextBytes("\u{e9}") != TextBytes("e\u{301}"))
        #expect(TextBytes("type") == TextBytes("type"))
        #expect("type".hasSameBytes(as: Substring("type")))
        #expect(!"type".hasSameBytes(as: "typ"))
    }

    @Test func cutsBetweenCharacters() {
        #expect("äöü".prefix(bytes: 6) == "äöü")
        #expect("äöü".prefix(bytes: 5) == "äö")
        #expect("ä".prefix(bytes: 1) == "")
        #expect(Self.marks.prefix(bytes: 64).utf8.count == 64)
    }

    /// By the plain comparison each of these took half a second and more.
    private static let frames = [
        "name behind type": #"{"type":"pong","\#(marks)":0}"#,
        "name before type": #"{"\#(marks)":0,"type":"pong"}"#,
        "type": #"{"type":"\#(marks)"}"#,
        "id": #"{"type":"ack","id":"\#(marks)"}"#,
        "label": #"{"type":"hello","labels":{"\#(marks)":""}}"#,
        "channel": #"{"type":"hello","resume":{"\#(marks)":""}}"#,
        "many channels": #"{"type":"hello","resume":{\#(channels)}}"#,
    ]
    private static let channels = (0..<250).map { number in
        let name = "\(number)" + String(String.UnicodeScalarView(marks.unicodeScalars.prefix(120)))
        return #""\#(name)":"""#
    }.joined(separator: ",")

    @Test(arguments: frames.keys.sorted())
    func noFrameTakesLong(_ name: String) throws {
        let frame = ByteBuffer(string: try #require(Self.frames[name]))
        // The fastest of several: the machine may be busy with something else.
        let times = (0..<5).map { _ in ContinuousClock().measure { _ = try? ClientFrame(parsing: frame) } }
        #expect(try #require(times.min()) < .milliseconds(100))
    }

    @Test func aLongNameIsNoName() throws {
        let longest = String(repeating: "n", count: JSONDocument.maximumNameBytes)
        #expect(try JSONDocument(ByteBuffer(string: #"{"\#(longest)":1}"#))[longest] != nil)
        #expect(throws: JSONError.self) { try JSONDocument(ByteBuffer(string: #"{"\#(longest)n":1}"#)) }
    }

    @Test func tooManyMembersAreNoObject() throws {
        func object(_ count: Int, _ end: String) -> ByteBuffer {
            ByteBuffer(string: "{" + (0..<count).map { #""n\#($0)":0"# }.joined(separator: ",") + end)
        }
        let limit = JSONDocument.maximumMembers
        #expect(try JSONDocument(object(limit, "}")).members.count == limit)
        // What follows one too many is not read any more.
        let error = #expect(throws: JSONError.self) { try JSONDocument(object(limit + 1, "?")) }
        #expect(error?.message == "the object has more than \(limit) members")
        // Those of others are only passed over.
        let nested = object(limit + 1, "}")
        #expect(try JSONDocument(ByteBuffer(string: #"{"data":\#(String(buffer: nested))}"#)).members.count == 1)
    }

    @Test func manyNamesAreToldApart() throws {
        let names = (0..<100).map { #""n\#($0)":\#($0)"# }
        #expect(try JSONDocument(ByteBuffer(string: "{\(names.joined(separator: ","))}")).members.count == 100)
        #expect(throws: JSONError.self) {
            try JSONDocument(ByteBuffer(string: #"{\#(names.joined(separator: ",")),"n7":0}"#))
        }
    }
}
