import Testing

@testable import SwitchboardServer

@Suite struct RequestIDTests {
    @Test(arguments: [
        "a", "order-81", "0af7651916cd43dd8448eb211c80319c", "A:b@c_d.e", String(repeating: "x", count: 128),
    ])
    func theCallersOwnIsTaken(id: String) {
        #expect(RequestID.accepted(id) == id)
    }

    @Test(arguments: [
        "", " ", "a b", "a\r\nSet-Cookie: x", "a\n", "\"", "{}", "\u{E9}", "a/b", "a,b",
        String(repeating: "x", count: 129),
    ])
    func anUnfitOneIsNot(id: String) {
        #expect(RequestID.accepted(id) == nil)
    }

    @Test func noneIsNone() {
        #expect(RequestID.accepted(nil) == nil)
    }

    @Test func newOnesAreFitAndDifferent() {
        let ids = (0..<1000).map { _ in RequestID.new() }
        #expect(Set(ids).count == 1000)
        #expect(ids.allSatisfy { RequestID.accepted($0) == $0 })
    }
}
