import NIOCore
import SwitchboardProtocol
import Testing

/// Every frame of a terminal there and back, and what is refused.
@Suite struct TerminalFrameTests {
    static let bytes = ByteBuffer(bytes: [0, 255, 10])

    static let orders: [(TerminalOrder.Action, String)] = [
        (
            .attach(
                TerminalOrder.Attach(
                    terminal: "main", columns: 120, rows: 40, from: 7, typed: 3, command: "/bin/sh -l",
                    operatorName: "ops")),
            #""op":"attach","terminal":"main","mode":"shared","columns":120,"rows":40,"from":7,"typed":3,"command":"/bin/sh -l","operator":"ops""#
        ),
        (
            .attach(TerminalOrder.Attach(terminal: "a.b_c-d", mode: .readOnly)),
            #""op":"attach","terminal":"a.b_c-d","mode":"readOnly","columns":80,"rows":24,"typed":0"#
        ),
        (.input(offset: 1 << 53, bytes: bytes), #""op":"input","offset":9007199254740992,"base64":"AP8K""#),
        (.resize(columns: 1, rows: 1000), #""op":"resize","columns":1,"rows":1000"#),
        (.took(offset: 0), #""op":"took","offset":0"#), (.detach, #""op":"detach""#), (.end, #""op":"end""#),
        (.list, #""op":"list""#),
    ]

    static let events: [(TerminalReport.Event, String)] = [
        (
            .here(
                TerminalReport.Here(
                    terminal: "main", columns: 80, rows: 24, from: 9, typed: 2, command: "/bin/sh", isNew: true,
                    viewers: 1)),
            #""op":"here","terminal":"main","columns":80,"rows":24,"from":9,"typed":2,"command":"/bin/sh","isNew":true,"viewers":1"#
        ),
        (
            .here(
                TerminalReport.Here(
                    terminal: "main", columns: 80, rows: 24, from: 9, typed: 2, command: "sh", isNew: false,
                    viewers: 1, start: 7)),
            #""op":"here","terminal":"main","columns":80,"rows":24,"from":9,"typed":2,"command":"sh","isNew":false,"viewers":1,"start":7"#
        ),
        (.output(offset: 4, bytes: bytes), #""op":"output","offset":4,"base64":"AP8K""#),
        (.taken(offset: 5), #""op":"taken","offset":5"#),
        (.resized(columns: 80, rows: 24), #""op":"resized","columns":80,"rows":24"#),
        (.viewers(3), #""op":"viewers","viewers":3"#),
        (.ended(status: 0, signal: nil, reason: .exited), #""op":"ended","status":0,"reason":"exited""#),
        (.ended(status: nil, signal: 1, reason: .agentStopped), #""op":"ended","signal":1,"reason":"agent_stopped""#),
        (.refused(code: "read_only", message: "m"), #""op":"refused","code":"read_only","message":"m""#),
        (.terminals([]), #""op":"terminals","terminals":[]"#),
        (
            .terminals([
                TerminalReport.Terminal(
                    terminal: "main", command: "/bin/sh", columns: 80, rows: 24, viewers: 0, since: 1_700_000_000_000)
            ]),
            #""op":"terminals","terminals":[{"terminal":"main","command":"/bin/sh","columns":80,"rows":24,"viewers":0,"since":1700000000000}]"#
        ),
    ]

    @Test(arguments: orders) func ordersThereAndBack(action: TerminalOrder.Action, members: String) throws {
        let order = TerminalOrder(viewer: "v:1", action: action)
        var text = ByteBuffer()
        order.write(into: &text)
        #expect(String(buffer: text) == #"{"type":"terminal","viewer":"v:1",\#(members)}"#)
        #expect(try TerminalOrder(parsing: text) == order)
        #expect(try ServerFrame(parsing: text) == .terminal(order))
    }

    @Test(arguments: events) func reportsThereAndBack(event: TerminalReport.Event, members: String) throws {
        let report = TerminalReport(viewer: "v:1", event: event)
        var text = ByteBuffer()
        report.write(into: &text)
        #expect(String(buffer: text) == #"{"type":"terminal","viewer":"v:1",\#(members)}"#)
        #expect(try TerminalReport(parsing: text) == report)
        #expect(try ClientFrame(parsing: text) == .terminal(report))
    }

    @Test(arguments: [
        (#""op":"list""#, "viewer"), (#""viewer":"a/b","op":"list""#, "viewer"),
        (#""viewer":"\#(text(65))","op":"list""#, "viewer"), (#""viewer":"v""#, "op"),
        (#""viewer":"v","op":"dance""#, "op"),
        (#""viewer":"v","op":"attach","mode":"shared","columns":1,"rows":1,"typed":0"#, "terminal"),
        (#""viewer":"v","op":"attach","terminal":"a:b","mode":"shared","columns":1,"rows":1,"typed":0"#, "terminal"),
        (#""viewer":"v","op":"attach","terminal":"a","mode":"own","columns":1,"rows":1,"typed":0"#, "mode"),
        (#""viewer":"v","op":"attach","terminal":"a","mode":"shared","columns":0,"rows":1,"typed":0"#, "columns"),
        (#""viewer":"v","op":"attach","terminal":"a","mode":"shared","columns":1,"rows":1001,"typed":0"#, "rows"),
        (#""viewer":"v","op":"attach","terminal":"a","mode":"shared","columns":1,"rows":1"#, "typed"),
        (#""viewer":"v","op":"took","offset":-1"#, "offset"),
        (#""viewer":"v","op":"took","offset":9007199254740993"#, "offset"),
        (#""viewer":"v","op":"input","offset":0,"base64":"*""#, "base64"),
        (#""viewer":"v","op":"input","offset":0,"base64":"\#(base64(4097))""#, "base64"),
    ])
    func ordersNameTheirInvalidField(members: String, field: String) {
        let text = ByteBuffer(string: #"{"type":"terminal",\#(members)}"#)
        #expect(throws: FrameError.invalidField(field)) { try TerminalOrder(parsing: text) }
    }

    @Test(arguments: [
        (#""op":"output","offset":0,"base64":"\#(base64(16_385))""#, "base64"),
        (#""op":"ended","reason":"bored""#, "reason"), (#""op":"ended","status":-1,"reason":"exited""#, "status"),
        (#""op":"viewers","viewers":-1"#, "viewers"), (#""op":"terminals","terminals":[1]"#, "terminals"),
        (#""op":"refused","code":"c""#, "message"), (#""op":"attach""#, "op"),
    ])
    func reportsNameTheirInvalidField(members: String, field: String) {
        let text = ByteBuffer(string: #"{"type":"terminal","viewer":"v",\#(members)}"#)
        #expect(throws: FrameError.invalidField(field)) { try TerminalReport(parsing: text) }
    }

    /// Nodes refuse messages over 64 KiB, operators' sockets smaller ones.
    @Test func theLargestOutputFitsIntoASmallFrame() {
        let report = TerminalReport(
            viewer: Self.text(64),
            event: .output(offset: 1 << 53, bytes: ByteBuffer(repeating: 255, count: TerminalReport.maximumOutputBytes))
        )
        var text = ByteBuffer()
        report.write(into: &text)
        #expect(text.readableBytes <= 24 << 10)
    }

    @Test func anotherTypeIsNoOrder() {
        #expect(throws: FrameError.invalidField("type")) {
            try TerminalOrder(parsing: ByteBuffer(string: #"{"type":"ping","viewer":"v","op":"list"}"#))
        }
    }

    private static func text(_ length: Int) -> String { String(repeating: "x", count: length) }
    private static func base64(_ count: Int) -> String { Base64.encode(ByteBuffer(repeating: 1, count: count)) }
}
