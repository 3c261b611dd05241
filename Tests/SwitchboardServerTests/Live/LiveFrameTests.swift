import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

/// What operators send, and how it is read.
@Suite struct LiveFrameTests {
    private func frame(_ text: String) throws -> LiveFrame { try LiveFrame(ByteBuffer(string: text)) }

    @Test(arguments: ["", "{", "[]", "7", "{}", #"{"type":7}"#, #"{"type":"a","type":"b"}"#, #"{"type":"a"} b"#])
    func whatIsNoFrame(text: String) {
        #expect(throws: JSONError.self) { try frame(text) }
    }

    @Test func typesAndReferences() throws {
        #expect(try frame(#"{"type":"watch","id":"w"}"#).ref == "w")
        #expect(try frame(#"{"type":"terminal","viewer":"v"}"#).ref == "v")
        #expect(try frame(#"{"type":"watch","id":7}"#).ref == nil)
        #expect(try frame(#"{"type":"watch","id":"\#(String(repeating: "x", count: 65))"}"#).ref == nil)
        #expect(try frame(#"{"type":"\#(String(repeating: "x", count: 1000))"}"#).type.utf8.count == 64)
    }

    @Test func keys() throws {
        #expect(try frame(#"{"type":"hello","key":"k"}"#).key() == "k")
        #expect(try frame(#"{"type":"hello"}"#).key() == nil)
        #expect(try frame(#"{"type":"hello","key":null}"#).key() == nil)
        #expect(throws: LiveError.self) { try frame(#"{"type":"hello","key":7}"#).key() }
    }

    @Test func filters() throws {
        let everything = try frame(#"{"type":"watch","id":"w"}"#).filter()
        #expect(everything.client == nil && everything.types.isEmpty)
        let some = try frame(#"{"type":"watch","client":"c","types":["push","session.closed","push"]}"#).filter()
        #expect(some.client == client("c") && some.types == ["push", "session.closed"])
        let none = try frame(#"{"type":"watch","client":null,"types":null}"#).filter()
        #expect(none.client == nil && none.types.isEmpty)
    }

    @Test(arguments: [
        #""client":"a b""#, #""client":7"#, #""types":"push""#, #""types":["sessions"]"#, #""types":[7]"#,
        #""types":{}"#, #""types":[\#(Array(repeating: "\"push\"", count: 33).joined(separator: ","))]"#,
    ])
    func filtersThatAreNone(members: String) {
        #expect(throws: LiveError.self) { try frame("{\"type\":\"watch\",\(members)}").filter() }
    }

    @Test(arguments: [
        ("w-1", true), ("a.b:c@d_E", true), (String(repeating: "x", count: 64), true), ("", false), ("a b", false),
        (String(repeating: "x", count: 65), false), ("ä", false),
    ])
    func namesOfWatches(id: String, isOne: Bool) throws {
        let frame = try frame("{\"type\":\"watch\",\"id\":\"\(id)\"}")
        if isOne { #expect(try frame.watchID() == id) } else { #expect(throws: LiveError.self) { try frame.watchID() } }
    }

    @Test(arguments: [("0", 0), ("1", 1), ("60", 60), ("61", nil), ("-1", nil), ("1.5", nil), ("\"1\"", nil)])
    func intervals(text: String, seconds: Int?) throws {
        let frame = try frame("{\"type\":\"stats\",\"interval\":\(text)}")
        #expect((try? frame.interval()) == seconds)
    }

    @Test func eventsBecomeAList() {
        let lines = ByteBuffer(string: "push.acked {\"a\":1}\nsession.closed {\"b\":\"x y\"}\nbroken\n")
        let (json, count) = LiveSession.list(lines)
        #expect(String(buffer: json) == #"[{"a":1},{"b":"x y"}]"#)
        #expect(count == 2)
        #expect(String(buffer: LiveSession.list(ByteBuffer()).json) == "[]")
    }

    @Test func errorsNameWhatTheyAnswer() {
        let error = LiveFrame.error(.unknownType("dance"), ref: "d")
        let expected = #"{"type":"error","code":"unknown_type","message":"the type 'dance' is not known","ref":"d"}"#
        #expect(String(buffer: error) == expected)
    }
}
