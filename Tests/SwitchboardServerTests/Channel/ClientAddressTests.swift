import NIOCore
import Testing

@testable import SwitchboardServer

@Suite struct ClientAddressTests {
    @Test(
        arguments: [
            ("203.0.113.9", "203.0.113.9"), ("203.0.113.9:5000", "203.0.113.9:5000"),
            ("203.0.113.9:0", "203.0.113.9:0"),
            ("2001:db8::9", "2001:db8::9"), ("[2001:db8::9]", "2001:db8::9"), ("2001:DB8:0:0::9", "2001:db8::9"),
            ("[2001:db8::9]:5000", "[2001:db8::9]:5000"), ("::ffff:203.0.113.9", "203.0.113.9"),
            ("[::ffff:203.0.113.9]:5000", "203.0.113.9:5000"), ("::ffff:cb00:7109", "203.0.113.9"), ("::", "::"),
        ])
    func elements(text: String, expected: String) throws {
        let address = try #require(ClientAddress(element: text))
        #expect("\(address)" == expected)
    }

    @Test(arguments: [
        "", "unknown", "_hidden", "203.0.113", "203.0.113.256", "203.0.113.9:", "203.0.113.9:x", "203.0.113.9:65536",
        "203.0.113.9:-1", "203.0.113.9:+1", "203.0.113.9:5000:1", "203.0.113.9 ", "203.0.113.9\u{0}",
        "[203.0.113.9]:5000",
        "[2001:db8::9", "2001:db8::9]", "[2001:db8::9]5000", "[2001:db8::9]:", "[]", "[]:1", "fe80::1%eth0",
        "[fe80::1%eth0]",
        "\u{1B}[31mred", "203.0.113.9:٥", "<script>", "localhost", "for=203.0.113.9", "\"203.0.113.9\"",
    ])
    func whatIsNoAddress(text: String) {
        #expect(ClientAddress(element: text) == nil)
    }

    private func found(_ peer: String?, _ forwarded: [String], _ trusted: String...) throws -> String {
        let peer = try peer.map { try SocketAddress(ipAddress: $0, port: 5000) }
        return ClientAddress.text(peer: peer, forwarded: forwarded, trusted: trusted.compactMap { AddressRange($0) })
    }

    @Test func garbageEndsTheSearch() throws {
        #expect(try found("10.0.0.1", ["203.0.113.9, nonsense"], "10.0.0.0/8") == "unknown")
        #expect(try found("10.0.0.1", ["nonsense, 203.0.113.9"], "10.0.0.0/8") == "203.0.113.9")
        #expect(try found("10.0.0.1", ["nonsense", "203.0.113.9"], "10.0.0.0/8") == "203.0.113.9")
        #expect(try found("10.0.0.1", ["203.0.113.9", "nonsense"], "10.0.0.0/8") == "unknown")
        #expect(try found("10.0.0.1", [String(repeating: "9", count: 5000)], "10.0.0.0/8") == "unknown")
        #expect(try found(nil, ["203.0.113.9"], "10.0.0.0/8") == "unknown")
    }

    @Test func proxiesMayAddPorts() throws {
        #expect(try found("10.0.0.1", ["203.0.113.9:4711, 10.0.0.2:5001"], "10.0.0.0/8") == "203.0.113.9:4711")
        #expect(try found("::1", ["[2001:db8::9]:4711,[fd00::2]:5001"], "::1", "fd00::/8") == "[2001:db8::9]:4711")
    }

    /// A socket for both families shows IPv4 peers as IPv6.
    @Test func mappedAddressesAreTheirs() throws {
        #expect(try found("::ffff:10.0.0.1", ["203.0.113.9"], "10.0.0.0/8") == "203.0.113.9")
        #expect(try found("::ffff:192.0.2.7", ["203.0.113.9"], "10.0.0.0/8") == "192.0.2.7:5000")
        #expect(try found("10.0.0.1", ["203.0.113.9, ::ffff:10.0.0.2"], "10.0.0.0/8") == "203.0.113.9")
        #expect(try found("10.0.0.1", ["::ffff:203.0.113.9"], "::ffff:10.0.0.0/104") == "203.0.113.9")
    }

    @Test func blanksAndEmptyElementsMeanNothing() throws {
        #expect(try found("10.0.0.1", ["\t203.0.113.9 \t,, ", " "], "10.0.0.0/8") == "203.0.113.9")
        #expect(try found("10.0.0.1", [String(repeating: ",", count: 10_000)], "10.0.0.0/8") == "10.0.0.1:5000")
    }

    @Test func aClientCannotSendFarther() throws {
        let chain = Array(repeating: "10.0.0.2", count: 5000).joined(separator: ",")
        #expect(try found("10.0.0.1", ["198.51.100.1," + chain], "10.0.0.0/8") == "198.51.100.1")
        #expect(try found("203.0.113.9", ["198.51.100.1," + chain], "10.0.0.0/8") == "203.0.113.9:5000")
    }
}
