import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct ConnectingAnswerTests {
    private func answer(_ status: Int, _ body: String?, retryAfter: Double? = nil) -> ConnectingAnswer {
        ConnectingAnswer(.status(status, retryAfter: retryAfter, body: body.map { ByteBuffer(string: $0) }))
    }

    @Test("A success lets the client in", arguments: ["", "{}", #"{"else":[1]}"#, "OK", "[]", "null", " \n"])
    func allowed(body: String) { #expect(answer(200, body) == .allowed(.init())) }

    @Test("It may give groups and labels") func grants() {
        let body = #"{"groups":["a","shop:berlin"],"labels":{"x":"y"}}"#
        let grant = ConnectRequest.Grant(groups: [group("a"), group("shop:berlin")], labels: ["x": "y"])
        #expect(answer(201, body) == .allowed(grant))
    }

    @Test(
        "What cannot be understood is no answer",
        arguments: [
            "{", #" {"groups":"a"}"#, #"{"groups":"a"}"#, #"{"groups":[1]}"#, #"{"groups":["a b"]}"#,
            #"{"labels":{"x":1}}"#,
            #"{"labels":[]}"#, #"{"groups":[],"groups":[]}"#, nil,
        ] as [String?])
    func unclear(body: String?) {
        guard case .unclear = answer(200, body) else { return #expect(Bool(false), "\(answer(200, body))") }
    }

    @Test("Nor are redirections, failures and silence") func failures() {
        for status in [100, 304, 307, 500, 503] { #expect(answer(status, "{}") == .unclear("HTTP \(status)")) }
        #expect(ConnectingAnswer(.nothing("no answer in time")) == .unclear("no answer in time"))
    }

    @Test("A refusal has its status and its reason", arguments: [400, 401, 403, 404, 409, 451, 499])
    func refused(status: Int) {
        guard case .refused(let problem) = answer(status, #"{"reason":"no"}"#) else { return #expect(Bool(false)) }
        #expect((problem.status, problem.code, problem.detail) == (status, "connection_refused", "no"))
        #expect(problem.retryAfter == nil)
        guard case .refused(let other) = answer(status, "<html>") else { return #expect(Bool(false)) }
        #expect(other.detail == "the backend refused the client")
    }

    @Test("A refusal may say when to come back", arguments: [(17.2, 18), (0, 1), (1e300, 86_400)])
    func retryAfter(asked: Double, given: Int) {
        guard case .refused(let problem) = answer(429, nil, retryAfter: asked) else { return #expect(Bool(false)) }
        #expect(problem.retryAfter == given)
        #expect(problem.closeCode == .overloaded)
    }

    @Test("A long reason is cut") func longReason() {
        guard case .refused(let problem) = answer(403, #"{"reason":"\#(String(repeating: "x", count: 999))"}"#)
        else { return #expect(Bool(false)) }
        #expect(problem.detail.count == 200)
        #expect(problem.closeCode == .forbidden)
    }
}
