import NIOCore
import Testing

@testable import SwitchboardAgent

/// Server-sent events.
@Suite struct EventStreamTests {
    static let text =
        "event: output\r\ndata: {\"data\":\n: a comment\ndata:1}\n\n" + "retry: 3\rdata: x\r\r"
        + "event: empty\n\ndata\n\n"
    static let events = [
        EventStreamParser.Event(name: "output", data: "{\"data\":\n1}"),
        EventStreamParser.Event(name: "message", data: "x"),
        EventStreamParser.Event(name: "message", data: ""),
    ]

    @Test func readsEventsHoweverTheyArrive() throws {
        let bytes = Array(Self.text.utf8)
        for size in 1...bytes.count {
            var parser = EventStreamParser(limit: 100)
            var events: [EventStreamParser.Event] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                events += try parser.feed(ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)]))
            }
            #expect(events == Self.events)
        }
    }

    @Test func anEventIsBounded() throws {
        var parser = EventStreamParser(limit: 10)
        #expect(try parser.feed(ByteBuffer(string: "data:12345\n")) == [])
        #expect(throws: EventStreamParser.TooLong.self) { try parser.feed(ByteBuffer(string: "data:1")) }
    }
}
