import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct ProblemTests {
    private static let awkward = "\"quoted\"\n\u{0}\\ \u{1F600}"

    private static let problems: [(Problem, Int, String)] = [
        (.malformedJSON(awkward), 400, "malformed_json"), (.invalidRequest(awkward), 400, "invalid_request"),
        (.invalidTarget(awkward), 400, "invalid_target"), (.invalidPayload(awkward), 400, "invalid_payload"),
        (.invalidClientID, 400, "invalid_client_id"), (.invalidGroup, 400, "invalid_group"),
        (.unknownSubprotocol, 400, "unknown_subprotocol"), (.invalidUpgrade, 400, "invalid_request"),
        (.clientNotFound(client("a")), 404, "client_not_found"), (.clientOffline(client("a")), 404, "client_offline"),
        (.notFound, 404, "not_found"), (.methodNotAllowed(allow: "GET, POST"), 405, "method_not_allowed"),
        (.duplicateClient(on: NodeID(unchecked: "n")), 409, "duplicate_client"),
        (.tooManyGroups(3), 409, "too_many_groups"),
        (.requestTimeout("x"), 408, "request_timeout"),
        (.tooManyConnections(retryAfter: 3), 429, "too_many_connections"), (.headTooLarge, 431, "head_too_large"),
        (.bodyTooLarge(3), 413, "body_too_large"), (.upgradeRequired, 426, "upgrade_required"),
        (.rateLimited(retryAfter: 3), 429, "rate_limited"), (.internalError, 500, "internal_error"),
        (.notImplemented(awkward), 501, "not_implemented"), (.busUnavailable(awkward), 503, "bus_unavailable"),
        (.overloaded(awkward), 503, "overloaded"), (.notReady(awkward), 503, "not_ready"),
    ]

    /// RFC 9457 section 3.1, and our code.
    @Test func everyDocumentHasItsMembers() throws {
        for (problem, status, code) in Self.problems {
            let document = try JSONDocument(problem.document)
            #expect(document.members.map(\.name) == ["type", "title", "status", "detail", "code"])
            func string(_ name: String) -> String? { document[name].flatMap { document.string($0) } }
            #expect(string("type") == "urn:switchboard:problem:\(code)")
            #expect(string("title")?.isEmpty == false)
            #expect(string("code") == code)
            #expect(string("detail") == problem.detail)
            #expect(document["status"].flatMap { document.integer($0) } == status)
            #expect(problem.status == status)
            #expect(problem.code == code)
        }
    }

    /// RFC 9457 section 3.1.3: the title belongs to the type, not to the occurrence.
    @Test func aCodeHasOneTitleAndOneStatus() {
        for (_, problems) in Dictionary(grouping: Self.problems.map(\.0), by: \.code) {
            #expect(Set(problems.map(\.title)).count == 1)
            #expect(Set(problems.map(\.status)).count == 1)
        }
    }

    @Test func whoMayTryAgainIsToldWhen() {
        for (problem, status, code) in Self.problems {
            #expect((problem.retryAfter != nil) == (status == 503 || status == 429), "\(code)")
        }
        #expect(Problem.rateLimited(retryAfter: 3).retryAfter == 3)
        #expect(Problem.overloaded("", retryAfter: 9).retryAfter == 9)
    }

    @Test(arguments: [
        (Problem.methodNotAllowed(allow: "GET, HEAD"), ["Allow: GET, HEAD"]),
        (.busUnavailable("x"), ["Retry-After: 1"]),
        (.upgradeRequired, ["Upgrade: websocket", "Sec-WebSocket-Version: 13"]), (.notFound, []),
    ])
    func theHeadersThatBelongToIt(problem: Problem, headers: [String]) {
        #expect(problem.headers.map { "\($0.name): \($0.value)" } == headers)
    }

    @Test func theBusDecidesTheProblem() {
        #expect(Problem(.unavailable("gone")).code == "bus_unavailable")
        #expect(Problem(.unavailable("gone")).detail.contains("gone"))
        #expect(Problem(.overloaded).code == "overloaded")
    }
}
