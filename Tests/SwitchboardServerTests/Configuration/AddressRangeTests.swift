import Testing

@testable import SwitchboardServer

@Suite struct AddressRangeTests {
    private struct Row: Sendable, CustomTestStringConvertible {
        let range: String
        let inside: [String]
        let outside: [String]
        var testDescription: String { range }
    }

    private static let rows = [
        Row(
            range: "10.0.0.0/8", inside: ["10.0.0.0", "10.255.255.255", "::ffff:10.0.0.1", "::FFFF:a01:203"],
            outside: ["9.255.255.255", "11.0.0.0", "::10.0.0.1", "::ffff:11.0.0.1", "::fffe:10.0.0.1"]),
        Row(
            range: "::ffff:10.0.0.0/104", inside: ["10.0.0.1", "::ffff:10.9.9.9"],
            outside: ["11.0.0.0", "::ffff:11.0.0.0"]),
        Row(
            range: "::ffff:0:0/96", inside: ["0.0.0.0", "::ffff:255.255.255.255"], outside: ["::", "1::ffff:1.2.3.4"]),
        Row(range: "10.1.2.3/8", inside: ["10.9.9.9"], outside: ["11.1.2.3"]),
        Row(range: "192.0.2.7", inside: ["192.0.2.7"], outside: ["192.0.2.6", "192.0.2.8", ""]),
        Row(range: "192.0.2.7/32", inside: ["192.0.2.7"], outside: ["192.0.2.6"]),
        Row(range: "192.0.2.8/29", inside: ["192.0.2.8", "192.0.2.15"], outside: ["192.0.2.7", "192.0.2.16"]),
        Row(
            range: "172.16.0.0/12", inside: ["172.16.0.1", "172.31.255.255"], outside: ["172.32.0.0", "172.15.255.255"]),
        Row(range: "128.0.0.0/1", inside: ["128.0.0.0", "255.255.255.255"], outside: ["127.255.255.255"]),
        Row(range: "0.0.0.0/0", inside: ["0.0.0.0", "255.255.255.255"], outside: ["::", "x"]),
        Row(range: "::/0", inside: ["::", "ffff::", "::ffff:1.2.3.4"], outside: ["0.0.0.0"]),
        Row(range: "::1", inside: ["::1", "0:0:0:0:0:0:0:1"], outside: ["::2", "127.0.0.1"]),
        Row(range: "2001:db8::/33", inside: ["2001:db8:7fff::1"], outside: ["2001:db8:8000::", "2001:db9::"]),
        Row(range: "fe80::/10", inside: ["fe80::1", "febf::1"], outside: ["fec0::1"]),
        Row(range: "2001:db8::1/128", inside: ["2001:DB8::1"], outside: ["2001:db8::2"]),
    ]

    @Test(arguments: rows)
    private func contains(row: Row) throws {
        let range = try #require(AddressRange(row.range))
        for address in row.inside { #expect(range.contains(address), "\(address)") }
        for address in row.outside { #expect(!range.contains(address), "\(address)") }
    }

    @Test(arguments: [
        "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/x", "10.0.0.0/8/8", "10.0.0.0/ 8",
        "10.0.0.0/+8",
        "10.0.0", "10.0.0.256", "010.0.0.0.1", "10.0.0.0 ", " 10.0.0.0", "::/129", ":::", "fe80::1%eth0", "[::1]",
        "localhost", "10.0.0.1:80", "1.2.3.4.5", "g::",
    ])
    func refuses(text: String) {
        #expect(AddressRange(text) == nil)
    }

    @Test func loopback() {
        let isLoopback = { (address: String) in AddressRange.loopback.contains { $0.contains(address) } }
        #expect(AddressRange.loopback.count == 2)
        #expect(isLoopback("127.0.0.1") && isLoopback("127.255.255.254") && isLoopback("::1"))
        #expect(!isLoopback("128.0.0.1") && !isLoopback("0.0.0.0") && !isLoopback("::"))
    }
}
