import Testing

@testable import SwitchboardServer

@Suite struct OriginPolicyTests {
    private func policy(_ texts: [String]) throws -> OriginPolicy {
        OriginPolicy(try texts.map { try #require(OriginPattern($0)) })
    }

    @Test("Without a list every page may connect, and what is no page always may") func open() throws {
        for origins in [[], ["https://a.example"], ["null"], ["https://a.example", "x"]] {
            #expect(OriginPolicy([]).allows(origins))
        }
        #expect(try policy(["https://a.example"]).allows([]))
    }

    @Test(
        "Scheme, host and port have to be those of the list",
        arguments: [
            ("https://shop.example", true), ("https://SHOP.example", true), ("https://shop.example:443", true),
            ("http://shop.example", false), ("https://shop.example:8443", false),
            ("https://shop.example.evil.example", false),
            ("https://evilshop.example", false), ("https://a.shop.example", false), ("https://shop.example/", false),
            ("https://shop.example@evil.example", false), ("https://evil.example#https://shop.example", false),
            ("null", false), ("", false), ("https://", false), ("shop.example", false),
            ("https://shop.example\u{0}", false),
            ("http://localhost:3000", true), ("http://localhost", false), ("http://[::1]:8080", true),
            ("http://[::1]", false), ("https://a.wide.example", true), ("https://a.b.wide.example", true),
            ("https://wide.example", false), ("https://.wide.example", true), ("https://awide.example", false),
            ("chrome-extension://abcdefgh", true), ("chrome-extension://other", false),
        ])
    func list(origin: String, isAllowed: Bool) throws {
        let policy = try policy([
            "https://shop.example", "http://localhost:3000", "http://[::1]:8080", "https://*.wide.example",
            "chrome-extension://abcdefgh",
        ])
        #expect(policy.allows([origin]) == isAllowed)
        #expect(!policy.allows([origin, origin]))
        let reason = refusal { () throws(Refusal) in try policy.check([origin]) }
        #expect(reason == (isAllowed ? nil : .originNotAllowed))
    }

    @Test("A star is for all, even for pages without an origin") func star() throws {
        let policy = try policy(["*"])
        #expect(policy.allows(["null"]))
        #expect(policy.allows(["https://a.example"]))
    }

    @Test(
        "What is no entry",
        arguments: [
            "", "shop.example", "https://", "https://shop.example/", "https://*", "https://a.*.example", "**", "null",
            "https://shop.example:0", "https://shop.example:65536", "https://shop.example:", "https://*.*.example",
            "://a",
            "https://a b",
        ])
    func wrong(text: String) {
        #expect(OriginPattern(text) == nil)
    }
}
