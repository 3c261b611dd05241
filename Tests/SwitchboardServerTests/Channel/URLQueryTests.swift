import Testing

@testable import SwitchboardServer

@Suite struct URLQueryTests {
    private struct Row: Sendable, CustomTestStringConvertible {
        let query: String
        let items: [[String]]?
        var testDescription: String { query.debugDescription }
    }

    private static let rows = [
        Row(query: "", items: []), Row(query: "&", items: []), Row(query: "a", items: [["a", ""]]),
        Row(query: "a=", items: [["a", ""]]), Row(query: "=b", items: [["", "b"]]), Row(query: "=", items: [["", ""]]),
        Row(query: "a=1&b=2", items: [["a", "1"], ["b", "2"]]),
        Row(query: "a=1&&b=2&", items: [["a", "1"], ["b", "2"]]),
        Row(query: "a=b=c", items: [["a", "b=c"]]), Row(query: "a=1&a=2", items: [["a", "1"], ["a", "2"]]),
        Row(query: "a+b=c+d", items: [["a b", "c d"]]), Row(query: "a%2Bb=c%26d%3de", items: [["a+b", "c&d=e"]]),
        Row(query: "label.%C3%A9=%F0%9F%98%80", items: [["label.\u{E9}", "\u{1F600}"]]),
        Row(query: "a=%00", items: [["a", "\u{0}"]]),
        Row(query: "a=?/", items: [["a", "?/"]]), Row(query: "a;b=c", items: [["a;b", "c"]]),
        Row(query: "a=%", items: nil), Row(query: "a=%4", items: nil), Row(query: "a=%zz", items: nil),
        Row(query: "a=%4g", items: nil), Row(query: "%=a", items: nil), Row(query: "a=%%41", items: nil),
        Row(query: "a=%+41", items: nil), Row(query: "a=%C3%28", items: nil), Row(query: "a=%C3", items: nil),
        Row(query: "a=%ED%A0%80", items: nil), Row(query: "a=%C0%80", items: nil), Row(query: "ok=1&a=%FF", items: nil),
    ]

    @Test(arguments: rows)
    private func reads(row: Row) {
        #expect(URLQuery(row.query)?.items.map { [$0.name, $0.value] } == row.items)
        #expect(URLQuery(ofTarget: "/ws?" + row.query)?.items.map { [$0.name, $0.value] } == row.items)
    }

    @Test func aTargetWithoutAQuery() {
        #expect(URLQuery(ofTarget: "/ws")?.items.isEmpty == true)
        #expect(URLQuery(ofTarget: "")?.items.isEmpty == true)
        #expect(URLQuery(ofTarget: "/ws%")?.items.isEmpty == true)
    }

    @Test func theFirstOfANameIsFound() throws {
        let query = try #require(URLQuery("a=1&b=2&a=3"))
        #expect(query["a"] == "1")
        #expect(query["b"] == "2")
        #expect(query["c"] == nil)
    }

    @Test func aPlusIsASpaceOnlyInAForm() {
        #expect(PercentEncoding.decode("a+b%20c") == "a+b c")
        #expect(PercentEncoding.decode("a+b%20c", plusIsSpace: true) == "a b c")
    }

    @Test func everyByteHasAnEscape() {
        for byte in UInt8.min...0x7F {
            let (high, low) = (String(byte >> 4, radix: 16), String(byte & 15, radix: 16))
            #expect(PercentEncoding.decode("%\(high)\(low)") == String(UnicodeScalar(byte)))
            #expect(PercentEncoding.decode("%\(high)\(low)".uppercased()) == String(UnicodeScalar(byte)))
        }
    }
}
