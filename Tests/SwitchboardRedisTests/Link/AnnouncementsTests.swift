import NIOCore
import Testing

@testable import SwitchboardRedis

struct AnnouncementsTests {
    private func text(_ text: String) -> RESPReply { .bulk(ByteBuffer(string: text)) }

    @Test func areBehindTheReplyOfTheScript() {
        let announcements = Announcements(.array([.integer(1), text("c1"), text("m1"), text("c2"), text("m2")]))
        #expect(announcements.reply == .integer(1))
        #expect(announcements.messages.map { String(buffer: $0.channel) } == ["c1", "c2"])
        #expect(announcements.messages.map { String(buffer: $0.message) } == ["m1", "m2"])
    }

    @Test func mayBeMissing() {
        #expect(Announcements(.array([.integer(0)])).messages.isEmpty)
        #expect(Announcements(.array([.array([])])).reply == .array([]))
        #expect(Announcements(.array([.integer(0), text("half")])).messages.isEmpty)
        #expect(Announcements(.null).reply == .null)
    }

    @Test func countTheirReceiversWhereTheScriptWould() {
        let routed = Announcements(.array([.integer(0), text("c"), text("m")]))
        #expect(routed.reply(of: .route, received: 1) == .integer(1))
        #expect(routed.reply(of: .register, received: 1) == .integer(0))
        let kept: RESPReply = .array([text("1-0"), text("0-0"), .integer(0), text("")])
        let enqueued = Announcements(.array([kept, text("c"), text("m")]))
        #expect(
            enqueued.reply(of: .enqueue, received: 1) == .array([text("1-0"), text("0-0"), .integer(1), text("")]))
    }
}
