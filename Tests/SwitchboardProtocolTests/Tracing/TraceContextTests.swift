import NIOCore
import SwitchboardProtocol
import Testing

/// W3C Trace Context, sections 3.2 and 3.3.
@Suite struct TraceContextTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let parent = "00f067aa0ba902b7"
    private static let valid = "00-\(trace)-\(parent)-01"

    @Test(arguments: ["00", "01", "02", "ff"])
    func everyFlagOfThisVersionIsKept(flags: String) {
        let text = "00-\(Self.trace)-\(Self.parent)-\(flags)"
        #expect(TraceContext(traceparent: text)?.traceparent == text)
    }

    @Test(arguments: [
        "", "00", valid + "-", valid + "-00", valid + " ", " " + valid, valid.uppercased(), String(valid.dropLast()),
        "ff-\(trace)-\(parent)-01", "0g-\(trace)-\(parent)-01", "00-\(trace)-\(parent)-0G",
        "00-00000000000000000000000000000000-\(parent)-01", "00-\(trace)-0000000000000000-01",
        "00_\(trace)-\(parent)-01", "00-\(trace)_\(parent)-01", "00-\(trace)-\(parent)_01",
        "00-\(trace.dropLast())x-\(parent)-01", "00-\(trace)-\(parent.dropLast())é-01", "\(valid), \(valid)",
        "cc-\(trace)-\(parent)-01.what",
    ])
    func whatIsNotValidIsIgnored(text: String) {
        #expect(TraceContext(traceparent: text, tracestate: "a=1") == nil)
    }

    @Test(arguments: [
        ("01-\(trace)-\(parent)-01", "01"), ("cc-\(trace)-\(parent)-00", "00"), ("cc-\(trace)-\(parent)-fe", "00"),
        ("cc-\(trace)-\(parent)-ff-more", "01"),
    ])
    func aLaterVersionIsReadAsThisOne(text: String, flags: String) {
        #expect(TraceContext(traceparent: text)?.traceparent == "00-\(Self.trace)-\(Self.parent)-\(flags)")
    }

    @Test(arguments: [
        "a=1", "a=1,b=2", "a=1 ,\t b=2", "a=1,,b=2,", "a=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~", "1a-_*/=x", "t1@vendor=x",
        "a= b", (1...32).map { "k\($0)=v" }.joined(separator: ","),
        String(repeating: "k", count: 256) + "=" + String(repeating: "v", count: 255),
    ])
    func aValidStateIsKept(state: String) {
        #expect(TraceContext(traceparent: Self.valid, tracestate: state)?.tracestate == state)
    }

    @Test(arguments: [
        "", " ", ",", "a", "a=", "=1", "A=1", "a=1,a=2", "a=é", "a=1=2", "a\u{7F}=1", "a=\n", "_a=1", "a@=1", "@a=1",
        "a@1=x", "a@b@c=1", "a@123456789012345=1", (1...33).map { "k\($0)=v" }.joined(separator: ","),
        String(repeating: "k", count: 257) + "=v", "k=" + String(repeating: "v", count: 257),
        (1...3).map { "k\($0)=" + String(repeating: "v", count: 250) }.joined(separator: ","),
    ])
    func aStateThatIsNotValidIsLeftOutAlone(state: String) {
        let context = TraceContext(traceparent: Self.valid, tracestate: state)
        #expect(context != nil)
        #expect(context?.tracestate == nil)
    }

    @Test func framesCarryIt() throws {
        let payload = Payload(format: .json, bytes: ByteBuffer(string: "1"))
        let alone = TraceContext(traceparent: Self.valid)
        for trace in [TraceContext(traceparent: Self.valid, tracestate: "a=1"), alone, nil] {
            for frame in [
                ServerFrame.push(ServerFrame.Push(id: "p", channel: "all", payload: payload, trace: trace)),
                .command(ServerFrame.Command(id: "c", name: "n", payload: payload, timeout: 1, trace: trace)),
            ] {
                var buffer = ByteBuffer()
                frame.write(into: &buffer)
                #expect(String(buffer: buffer).contains("traceparent") == (trace != nil))
                #expect(try ServerFrame(parsing: buffer) == frame)
            }
        }
    }

    /// A node of another make must not end a client's connection by it.
    @Test func aFrameWithSomethingElseInItsPlaceIsReadAllTheSame() throws {
        let text = #"{"type":"push","id":"p","channel":"all","traceparent":7,"tracestate":{},"data":1}"#
        guard case .push(let push) = try ServerFrame(parsing: ByteBuffer(string: text)) else {
            Issue.record("no push")
            return
        }
        #expect(push.trace == nil)
    }
}
