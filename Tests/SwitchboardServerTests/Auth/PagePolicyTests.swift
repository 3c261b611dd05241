import SwitchboardCore
import SwitchboardProtocol
import SwitchboardRedis
import Testing

@testable import SwitchboardServer

@Suite struct PagePolicyTests {
    private func policy(
        asksForKeys: Bool = false, isSecure: Bool = false, _ configure: (inout ServerConfiguration) -> Void = { _ in }
    ) -> PagePolicy {
        var configuration = ServerConfiguration(node: NodeID(unchecked: "n1"))
        configuration.host = "127.0.0.1"
        configure(&configuration)
        return PagePolicy(configuration, asksForKeys: asksForKeys, isSecure: isSecure)
    }

    private func allows(
        _ policy: PagePolicy, _ origins: String..., host: String? = "localhost:8080", userAgent: String? = "Mozilla/5.0"
    ) -> Bool {
        do throws(Refusal) {
            try policy.check(origins: origins, host: host, userAgent: userAgent)
            return true
        } catch {
            #expect(error.reason == .originNotAllowed)
            return false
        }
    }

    @Test(
        "Without keys only pages of this machine and the node's own",
        arguments: [
            ("http://localhost:3000", true), ("https://127.0.0.1", true), ("http://[::1]:1", true),
            ("http://evil.example", false), ("https://evil.example", false), ("null", false), ("", false),
            ("http://localhost.evil.example", false), ("http://127.0.0.1.evil.example", false),
            ("chrome-extension://localhost", false), ("file://localhost", false), ("http://localhost/", false),
        ])
    func origins(origin: String, isAllowed: Bool) {
        let everywhere = policy { $0.host = "0.0.0.0" }
        for policy in [policy(), everywhere] {
            #expect(allows(policy, origin) == isAllowed)
            #expect(!allows(policy, origin, origin))
            #expect(allows(policy))
        }
        #expect(allows(policy(asksForKeys: true), origin, host: "evil.example"))
    }

    @Test(
        "The node's own are those of its host and port",
        arguments: [
            ("http://shop.example", "shop.example", true), ("http://shop.example", "SHOP.example:80", true),
            ("https://shop.example", "shop.example", true), ("https://shop.example", "shop.example:443", true),
            ("http://shop.example:8080", "shop.example:8080", true),
            ("http://shop.example", "shop.example:8080", false),
            ("http://shop.example", "other.example", false), ("ws://shop.example", "shop.example", false),
        ])
    func own(origin: String, host: String, isAllowed: Bool) {
        #expect(allows(policy { $0.host = "0.0.0.0" }, origin, host: host) == isAllowed)
        let isSecure = origin.hasPrefix("https")
        #expect(allows(policy(isSecure: true) { $0.host = "0.0.0.0" }, origin, host: host) == (isAllowed && isSecure))
    }

    @Test(
        "On loopback without keys a browser names this machine",
        arguments: [
            ("localhost", true), ("LocalHost:8080", true), ("localhost.", true), ("a.b.localhost:1", true),
            ("127.0.0.1", true), ("127.0.0.1:8080", true), ("[::1]", true), ("[::1]:8080", true), ("192.168.1.5", true),
            ("1.localhost", true),
            ("evil.example", false), ("evil.example:8080", false), ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false), ("evillocalhost", false), ("x", false), ("", false), ("[x]", false),
            ("[::1]evil.example", false), ("[::1", false), ("localhost:80x", false), ("1.example", false),
        ])
    func hosts(host: String, isAllowed: Bool) throws {
        let own = policy()
        #expect(allows(own, host: host) == isAllowed)
        #expect(allows(own, "http://localhost", host: host, userAgent: nil) == isAllowed)
        #expect(allows(own, host: host, userAgent: "curl/8"))
        #expect(allows(own, host: host, userAgent: nil))
        let pattern = try #require(OriginPattern("https://a.example"))
        for other in [
            policy(asksForKeys: true), policy { $0.host = "0.0.0.0" }, policy { $0.proxyProtocol = true },
            policy { $0.auth.allowedOrigins = [pattern] },
        ] {
            #expect(allows(other, host: host))
        }
    }

    @Test func aListIsTheWholeOfIt() throws {
        let pattern = try #require(OriginPattern("https://a.example"))
        let policy = policy { $0.auth.allowedOrigins = [pattern] }
        #expect(allows(policy, "https://a.example", host: "b.example"))
        #expect(!allows(policy, "https://b.example", host: "b.example"))
        #expect(!allows(policy, "http://localhost"))
        #expect(allows(policy))
    }
}
