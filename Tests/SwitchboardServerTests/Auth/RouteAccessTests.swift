import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct RouteAccessTests {
    private static let scopes: [Scopes] = [
        [], .push, .read, .admin, [.push, .read], [.push, .admin], [.read, .admin],
    ]

    /// Written once more, so that a change of the table is a change of this test.
    private static let expected = """
        - GET /healthz /readyz /openapi.yaml /switchboard.js /console /console/:file /console/lib/:file
        client GET /ws
        push POST /v1/push /v1/broadcast /v1/pushes /v1/clients/:id/push /v1/groups/:name/push
        push POST /v1/clients/:id/commands /v1/groups/:name/commands
        push PUT /v1/clients/:id/groups/:name
        push DELETE /v1/clients/:id/groups/:name /v1/clients/:id/mailbox/:push
        push POST /v1/rollouts /v1/rollouts/:id/pause /v1/rollouts/:id/resume /v1/rollouts/:id/abort
        push+read GET /v1/pushes/:id /v1/commands/:id /v1/rollouts /v1/rollouts/:id /v1/rollouts/:id/clients
        read GET /v1/clients /v1/clients/:id /v1/clients/:id/mailbox /v1/groups /v1/groups/:name /v1/nodes
        read GET /v1/alerts /v1/alerts/rules
        read GET /v1/nodes/:id/closes /v1/stats /v1/events /v1/live /v1/pushes /v1/webhooks /v1/webhooks/dead /metrics
        admin DELETE /v1/clients/:id /v1/clients/:id/mailbox /v1/nodes/:id/drain /v1/webhooks/dead /v1/webhooks/dead/:id
        admin POST /v1/nodes/:id/drain /v1/webhooks/dead/replay
        """

    private static var cases: [(who: String, method: String, path: String)] {
        expected.split(separator: "\n").flatMap { line in
            let words = line.split(separator: " ").map(String.init)
            return words.dropFirst(2).map { (words[0], words[1], $0) }
        }
    }

    @Test("Every route with every scope", arguments: cases)
    func table(who: String, method: String, path: String) throws {
        let access = try #require(RouteAccess.of(method, path))
        for scopes in Self.scopes {
            let principal = Principal(kind: .key, name: "k", scopes: scopes, expiresAt: nil)
            let isAllowed: Bool =
                switch who {
                case "-", "client": true
                case "push": scopes.contains(.push) || scopes.contains(.admin)
                case "read": scopes.contains(.read) || scopes.contains(.admin)
                case "push+read": !scopes.isEmpty
                default: scopes.contains(.admin)
                }
            let reason = refusal { () throws(Refusal) in try access.check(principal) }
            #expect(reason == (isAllowed ? nil : .insufficientScope), "\(method) \(path) with \(scopes)")
        }
        #expect((access == .anybody) == (who == "-"))
        #expect((access == .clients) == (who == "client"))
    }

    @Test("The table has these routes and no others") func complete() {
        let known = Set(Self.cases.map { $0.method + " " + $0.path })
        #expect(known.count == Self.cases.count)
        #expect(Set(RouteAccess.rows.map { $0.method + " " + $0.path }) == known)
        #expect(RouteAccess.rows.count == known.count)
        #expect(RouteAccess.of("HEAD", "/v1/clients") == .backends(.read))
        #expect(RouteAccess.of("GET", "/v1/push") == nil)
        #expect(RouteAccess.of("PATCH", "/v1/clients") == nil)
    }

    /// Names of parameters aside.
    private static func shape(_ path: Substring) -> String {
        path.split(separator: "/").map { $0.first == ":" || $0.first == "{" ? "*" : String($0) }.joined(separator: "/")
    }

    @Test("Every route of openapi.yaml is in the table") func described() {
        let text = String(decoding: PackageResources.openapi_yaml, as: UTF8.self)
        var described: Set<String> = []
        var path: Substring = ""
        for line in text.split(separator: "\n").drop(while: { $0 != "paths:" }) {
            if line.hasPrefix("components:") { break }
            if line.hasPrefix("  /") { path = line.dropFirst(2).prefix { $0 != ":" } }
            for method in ["get", "post", "put", "delete", "patch"] where line == "    \(method):" {
                described.insert("\(method.uppercased()) \(Self.shape(path))")
            }
        }
        #expect(described.count > 30)
        #expect(Set(RouteAccess.rows.map { "\($0.method) \(Self.shape($0.path[...]))" }) == described)
    }

    @Test("Scopes have names") func names() {
        #expect(Scopes(names: ["push", "read"]) == [.push, .read])
        #expect(Scopes(names: [String]()) == nil)
        #expect(Scopes(names: ["push", "Read"]) == nil)
        #expect(Scopes(known: ["openid", "read"]) == .read)
        #expect(Scopes([.admin, .push]).description == "push,admin")
    }

    @Test("Each refusal has its status and its challenge", arguments: Refusal.Reason.allCases)
    func refusals(reason: Refusal.Reason) {
        let refusal = Refusal(reason, "words")
        switch refusal.status {
        case 401: #expect(refusal.challenge?.hasPrefix("Bearer realm=\"switchboard\"") == true)
        case 403: #expect((refusal.challenge != nil) == (reason == .insufficientScope))
        default: #expect(refusal.status == 503 && reason == .signersUnavailable && refusal.challenge == nil)
        }
        #expect(reason.rawValue.allSatisfy { $0 == "_" || $0.isLowercase })
        let described = String(decoding: PackageResources.openapi_yaml, as: UTF8.self)
        #expect(described.contains("\n        - \(reason.rawValue)\n"))
    }

    @Test("What is missing is said") func missing() {
        let refusal = Refusal.insufficientScope([.push, .read])
        #expect(refusal.challenge == #"Bearer realm="switchboard", error="insufficient_scope", scope="push read""#)
        #expect(refusal.detail == "this takes the scope push or read")
    }
}
