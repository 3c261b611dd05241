import SwitchboardCore
import SwitchboardProtocol
import Testing

@Suite("Where the viewers of a client's terminals are")
struct ViewerOriginsTests {
    private let one = NodeID(unchecked: "n1")
    private let two = NodeID(unchecked: "n2")

    @Test("The node that was heard of last has the viewer, and only it can send it away")
    func moves() {
        var origins = ViewerOrigins()
        origins.note("a", at: one)
        origins.note("b", at: one)
        origins.note("a", at: two)
        #expect(origins["a"] == two)
        #expect(origins.forget("a", at: one) == false)
        #expect(origins["a"] == two)
        #expect(origins.forget("a", at: two) == true)
        #expect(origins["a"] == nil)
        // Nothing is known that speaks against it.
        #expect(origins.forget("a", at: one) == true)
        #expect(origins.removeAll().map(\.viewer) == ["b"])
        #expect(origins.isEmpty)
    }

    @Test("The one that was silent for longest goes when there are too many")
    func limit() {
        var origins = ViewerOrigins()
        for number in 0..<ViewerOrigins.limit { origins.note("v\(number)", at: one) }
        origins.note("v0", at: one)
        origins.note("new", at: two)
        #expect(origins["v0"] == one)
        #expect(origins["v1"] == nil)
        #expect(origins["new"] == two)
    }
}
