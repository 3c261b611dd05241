import NIOCore
import SwitchboardProtocol
import Testing

/// Every frame there and back, and what is refused.
@Suite struct FrameTests {
    static func json(_ text: String) -> Payload { Payload(format: .json, bytes: ByteBuffer(string: text)) }
    static let binary = Payload(format: .binary, bytes: ByteBuffer(bytes: [0, 255, 10]))
    static let group = GroupName(unchecked: "shop:1")

    static let serverFrames: [(ServerFrame, String)] = [
        (
            .hello(
                ServerFrame.Hello(
                    client: ClientID(unchecked: "kiosk-7"), session: SessionID(unchecked: "S"), epoch: 7,
                    node: NodeID(unchecked: "n1"), heartbeatInterval: 25, heartbeatTimeout: 0.5, reconnectMinimum: 1,
                    reconnectMaximum: 30, recovered: true)),
            #"{"type":"hello","clientId":"kiosk-7","session":"S","epoch":7,"node":"n1","heartbeat":{"interval":25,"timeout":0.5},"reconnect":{"min":1,"max":30},"recovered":true}"#
        ),
        (
            .push(ServerFrame.Push(id: "p-1", channel: "group:\"a", payload: json(#"{"b": 1.0}"#), offset: "5-0")),
            #"{"type":"push","id":"p-1","channel":"group:\"a","offset":"5-0","data":{"b": 1.0}}"#
        ),
        (
            .push(ServerFrame.Push(id: "p", channel: "all", payload: binary)),
            #"{"type":"push","id":"p","channel":"all","base64":"AP8K"}"#
        ),
        (
            .command(ServerFrame.Command(id: "c", name: "restart", payload: json("[]"), timeout: 30)),
            #"{"type":"command","id":"c","name":"restart","timeout":30,"data":[]}"#
        ),
        (
            .push(
                ServerFrame.Push(id: "p", channel: "group:g", payload: json("1"), from: ClientID(unchecked: "anna"))),
            #"{"type":"push","id":"p","channel":"group:g","from":"anna","data":1}"#
        ),
        (
            .members(
                group: group,
                [
                    GroupMember(client: ClientID(unchecked: "a"), labels: ["role": "till"]),
                    GroupMember(client: ClientID(unchecked: "b")),
                ], isComplete: false),
            #"{"type":"members","group":"shop:1","complete":false,"clients":[{"clientId":"a","labels":{"role":"till"}},{"clientId":"b","labels":{}}]}"#
        ),
        (
            .presence(
                group: group, joined: [GroupMember(client: ClientID(unchecked: "a"))],
                left: [ClientID(unchecked: "b")]),
            #"{"type":"presence","group":"shop:1","joined":[{"clientId":"a","labels":{}}],"left":["b"]}"#
        ),
        (.missed(channel: "group:g", count: 7), #"{"type":"missed","channel":"group:g","count":7}"#),
        (.cancel(id: "c"), #"{"type":"cancel","id":"c"}"#),
        (.ack(ref: "m"), #"{"type":"ack","ref":"m"}"#),
        (.ping, #"{"type":"ping"}"#),
        (
            .goaway(reason: "draining", reconnectAfter: 2.5),
            #"{"type":"goaway","reason":"draining","reconnectAfter":2.5}"#
        ),
        (.error(code: "c", message: "m", ref: nil), #"{"type":"error","code":"c","message":"m"}"#),
        (.error(code: "c", message: "m", ref: "r"), #"{"type":"error","code":"c","message":"m","ref":"r"}"#),
        (
            .terminal(TerminalOrder(viewer: "v", action: .took(offset: 5))),
            #"{"type":"terminal","viewer":"v","op":"took","offset":5}"#
        ),
        (.unknown(type: "new"), #"{"type":"new"}"#),
    ]

    static let clientFrames: [(ClientFrame, String)] = [
        (.hello(ClientFrame.Hello()), #"{"type":"hello"}"#),
        (
            .hello(
                ClientFrame.Hello(
                    token: "t", client: ClientID(unchecked: "a"), labels: ["y": "2", "x": "1"], version: "v",
                    resume: ["all": "5-0"])),
            #"{"type":"hello","token":"t","clientId":"a","labels":{"x":"1","y":"2"},"version":"v","resume":{"all":"5-0"}}"#
        ),
        (.ack(offset: "5-0"), #"{"type":"ack","offset":"5-0"}"#),
        (.message(id: "m", payload: json("null")), #"{"type":"message","id":"m","data":null}"#),
        (.message(id: nil, payload: binary), #"{"type":"message","base64":"AP8K"}"#),
        (.result(id: "c", status: 200, payload: json("1")), #"{"type":"result","id":"c","status":200,"data":1}"#),
        (.result(id: "c", status: 501, payload: nil), #"{"type":"result","id":"c","status":501}"#),
        (.output(id: "c", payload: json(#""x""#)), #"{"type":"output","id":"c","data":"x"}"#),
        (.health(data: ByteBuffer(string: #"{"load": 1}"#)), #"{"type":"health","data":{"load": 1}}"#),
        (.join(group: group), #"{"type":"join","group":"shop:1"}"#),
        (
            .join(group: group, history: 300, watch: true),
            #"{"type":"join","group":"shop:1","history":300,"watch":true}"#
        ),
        (.hello(ClientFrame.Hello(slow: .skip)), #"{"type":"hello","slow":"skip"}"#),
        (
            .publish(id: "m", group: group, payload: json("[1]"), isDurable: true),
            #"{"type":"publish","id":"m","group":"shop:1","durable":true,"data":[1]}"#
        ),
        (
            .publish(id: nil, group: group, payload: binary, isDurable: false),
            #"{"type":"publish","group":"shop:1","base64":"AP8K"}"#
        ),
        (.leave(group: group), #"{"type":"leave","group":"shop:1"}"#),
        (.pong, #"{"type":"pong"}"#),
        (.token("t"), #"{"type":"token","token":"t"}"#),
        (
            .terminal(TerminalReport(viewer: "v", event: .viewers(2))),
            #"{"type":"terminal","viewer":"v","op":"viewers","viewers":2}"#
        ),
        (.unknown(type: "new"), #"{"type":"new"}"#),
    ]

    @Test(arguments: serverFrames) func serverFramesThereAndBack(frame: ServerFrame, text: String) throws {
        var buffer = ByteBuffer()
        frame.write(into: &buffer)
        #expect(String(buffer: buffer) == text)
        #expect(try ServerFrame(parsing: buffer) == frame)
    }

    @Test(arguments: clientFrames) func clientFramesThereAndBack(frame: ClientFrame, text: String) throws {
        var buffer = ByteBuffer()
        frame.write(into: &buffer)
        #expect(String(buffer: buffer) == text)
        #expect(try ClientFrame(parsing: buffer) == frame)
    }

    @Test(arguments: [
        #"{"type":"join","group":"g","history":0}"#, #"{"type":"join","group":"g","history":301}"#,
        #"{"type":"join","group":"g","history":1.5}"#, #"{"type":"join","group":"g","watch":1}"#,
        #"{"type":"publish","group":"g"}"#, #"{"type":"publish","data":1}"#,
        #"{"type":"publish","group":"a b","data":1}"#,
        #"{"type":"publish","group":"g","data":1,"durable":"yes"}"#, #"{"type":"hello","slow":"faster"}"#,
    ])
    func whatGroupsAreAskedForIsChecked(text: String) {
        #expect(throws: FrameError.self) { try ClientFrame(parsing: ByteBuffer(string: text)) }
    }

    @Test func framesAreWrittenBehindWhatIsThere() throws {
        var buffer = ByteBuffer(string: "before ")
        ClientFrame.pong.write(into: &buffer)
        #expect(String(buffer: buffer) == #"before {"type":"pong"}"#)
    }

    @Test func textIsFramedAsAJSONString() throws {
        var buffer = ByteBuffer()
        let text = Payload(format: .text, bytes: ByteBuffer(string: "say \"é\"\n"))
        ServerFrame.push(ServerFrame.Push(id: "p", channel: "all", payload: text)).write(into: &buffer)
        #expect(String(buffer: buffer) == #"{"type":"push","id":"p","channel":"all","data":"say \"é\"\n"}"#)
    }

    @Test(arguments: [
        "", "x", "[]", "1", "null", "{}", #"{"type":1}"#, #"{"type":null}"#, #"{"Type":"ping"}"#,
        #"{"type":"ping","type":"ping"}"#,
    ])
    func whatIsNoFrameIsMalformed(text: String) {
        func isMalformed(_ error: FrameError) -> Bool { if case .malformed = error { true } else { false } }
        do throws(FrameError) {
            _ = try ClientFrame(parsing: ByteBuffer(string: text))
            Issue.record("it was accepted")
        } catch { #expect(isMalformed(error)) }
        do throws(FrameError) {
            _ = try ServerFrame(parsing: ByteBuffer(string: text))
            Issue.record("it was accepted")
        } catch { #expect(isMalformed(error)) }
    }

    @Test(arguments: [
        (#"{"type":"ack"}"#, "offset"), (#"{"type":"ack","offset":5}"#, "offset"), (#"{"type":"message"}"#, "data"),
        (#"{"type":"message","base64":"?"}"#, "base64"), (#"{"type":"message","base64":"QQ"}"#, "base64"),
        (#"{"type":"message","id":7,"data":1}"#, "id"), (#"{"type":"result","id":"c"}"#, "status"),
        (#"{"type":"result","id":"c","status":200.5}"#, "status"), (#"{"type":"result","status":200}"#, "id"),
        (#"{"type":"health","data":[1]}"#, "data"), (#"{"type":"health"}"#, "data"), (#"{"type":"join"}"#, "group"),
        (#"{"type":"join","group":"a b"}"#, "group"), (#"{"type":"leave","group":""}"#, "group"),
        (#"{"type":"token"}"#, "token"),
        (#"{"type":"hello","clientId":"a/b"}"#, "clientId"), (#"{"type":"hello","labels":{"a":1}}"#, "labels"),
        (#"{"type":"hello","labels":[]}"#, "labels"), (#"{"type":"output","id":"c"}"#, "data"),
    ])
    func clientFramesNameTheirInvalidField(text: String, field: String) {
        #expect(throws: FrameError.invalidField(field)) { try ClientFrame(parsing: ByteBuffer(string: text)) }
    }

    @Test(arguments: [
        (#"{"type":"push","channel":"all","data":1}"#, "id"), (#"{"type":"push","id":"p","data":1}"#, "channel"),
        (#"{"type":"push","id":"p","channel":"all"}"#, "data"), (#"{"type":"ack"}"#, "ref"),
        (#"{"type":"cancel"}"#, "id"),
        (#"{"type":"push","id":"","channel":"all","data":1}"#, "id"),
        (#"{"type":"push","id":"a b","channel":"all","data":1}"#, "id"),
        (#"{"type":"push","id":"\#(text(129))","channel":"all","data":1}"#, "id"),
        (#"{"type":"push","id":"p","channel":"\#(text(257))","data":1}"#, "channel"),
        (#"{"type":"push","id":"p","channel":"all","offset":"\#(text(257))","data":1}"#, "offset"),
        (#"{"type":"command","id":"\#(text(129))","name":"n","timeout":1}"#, "id"),
        (#"{"type":"command","id":"a/b","name":"n","timeout":1}"#, "id"),
        (#"{"type":"cancel","id":"\#(text(129))"}"#, "id"),
        (
            #"{"type":"hello","clientId":"a","session":"s","epoch":1,"node":"n","heartbeat":{"interval":1,"timeout":1},"reconnect":{"min":1,"max":2},"channels":{"all":{"recovered":false,"offset":"\#(text(257))"}}}"#,
            "offset"
        ),
        (#"{"type":"goaway","reason":"x"}"#, "reconnectAfter"),
        (#"{"type":"goaway","reason":"x","reconnectAfter":1e400}"#, "reconnectAfter"),
        (#"{"type":"error","code":"x"}"#, "message"), (#"{"type":"command","id":"c","name":"n"}"#, "timeout"),
        (#"{"type":"hello"}"#, "heartbeat"),
        (
            #"{"type":"hello","clientId":"a","session":"s","epoch":-1,"node":"n","heartbeat":{"interval":1,"timeout":1},"reconnect":{"min":1,"max":2}}"#,
            "epoch"
        ),
        (
            #"{"type":"hello","clientId":"a b","session":"s","epoch":1,"node":"n","heartbeat":{"interval":1,"timeout":1},"reconnect":{"min":1,"max":2}}"#,
            "clientId"
        ),
    ])
    func serverFramesNameTheirInvalidField(text: String, field: String) {
        #expect(throws: FrameError.invalidField(field)) { try ServerFrame(parsing: ByteBuffer(string: text)) }
    }

    /// Longer ones, and what a client remembers could not be counted on to stay small.
    @Test func namesAndOffsetsMayBeAsLongAsTheLimit() throws {
        let push = ServerFrame.push(
            ServerFrame.Push(
                id: Self.text(128), channel: Self.text(256), payload: Self.json("1"), offset: Self.text(256)))
        let command = ServerFrame.command(
            ServerFrame.Command(id: Self.text(128), name: "n", payload: Self.json("1"), timeout: 1))
        for frame in [push, command, .cancel(id: Self.text(128))] {
            var buffer = ByteBuffer()
            frame.write(into: &buffer)
            #expect(try ServerFrame(parsing: buffer) == frame)
        }
    }

    private static func text(_ length: Int) -> String { String(repeating: "x", count: length) }

    @Test func nullIsAsGoodAsMissing() throws {
        let hello = ByteBuffer(string: #"{"type":"hello","token":null,"clientId":null,"labels":null,"resume":null}"#)
        #expect(try ClientFrame(parsing: hello) == .hello(ClientFrame.Hello()))
        #expect(
            try ClientFrame(parsing: ByteBuffer(string: #"{"type":"message","id":null,"data":1}"#))
                == .message(id: nil, payload: Self.json("1")))
    }

    @Test func aCommandWithoutDataCarriesNull() throws {
        let frame = try ServerFrame(parsing: ByteBuffer(string: #"{"type":"command","id":"c","name":"n","timeout":1}"#))
        #expect(frame == .command(ServerFrame.Command(id: "c", name: "n", payload: Self.json("null"), timeout: 1)))
    }

    @Test func anEpochKeepsAllItsDigits() throws {
        var hello = ServerFrame.Hello(
            client: ClientID(unchecked: "a"), session: SessionID(unchecked: "s"), epoch: UInt64(Int64.max),
            node: NodeID(unchecked: "n"), heartbeatInterval: 1, heartbeatTimeout: 1)
        hello.epoch -= 1
        var buffer = ByteBuffer()
        ServerFrame.hello(hello).write(into: &buffer)
        #expect(try ServerFrame(parsing: buffer) == .hello(hello))
    }
}
