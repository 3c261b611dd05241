import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

/// What a push request means, and which problem it is when it is none.
@Suite struct PushRequestTests {
    private func problem(_ request: PushRequest) -> String? {
        do throws(Problem) {
            _ = try request.accepted()
            return nil
        } catch {
            return "\(error.status) \(error.code)"
        }
    }

    private static let plain = #"{"to":{"all":true},"text":"x"}"#

    private func request(
        _ route: PushRoute, query: String = "", type: String? = nil, prefer: String? = nil, key: String? = nil,
        _ body: String = plain
    ) -> PushRequest {
        PushRequest(
            route: route, query: query, contentType: type, prefer: prefer, idempotencyKey: key,
            body: ByteBuffer(string: body))
    }

    // MARK: /v1/push

    private struct Body: Sendable, CustomTestStringConvertible {
        let text: String
        let problem: String?
        var testDescription: String { text }

        init(_ text: String, _ problem: String?) {
            self.text = text
            self.problem = problem
        }
    }

    private static let bodies = [
        Body("", "400 malformed_json"), Body("{", "400 malformed_json"), Body("[]", "400 malformed_json"),
        Body("null", "400 malformed_json"), Body(#"{"to":{"all":true},"text":"x"} x"#, "400 malformed_json"),
        Body(#"{"to":{"all":true},"to":{"all":true},"text":"x"}"#, "400 malformed_json"),
        Body("{}", "400 invalid_target"), Body(#"{"to":"all","text":"x"}"#, "400 invalid_target"),
        Body(#"{"to":{},"text":"x"}"#, "400 invalid_target"),
        Body(#"{"to":{"all":false},"text":"x"}"#, "400 invalid_target"),
        Body(#"{"to":{"all":true,"client":"a"},"text":"x"}"#, "400 invalid_target"),
        Body(#"{"to":{"user":"a"},"text":"x"}"#, "400 invalid_target"),
        Body(#"{"to":{"clients":[]},"text":"x"}"#, "400 invalid_target"),
        Body(#"{"to":{"labels":{}},"text":"x"}"#, "400 invalid_target"),
        Body(#"{"to":{"client":""},"text":"x"}"#, "400 invalid_client_id"),
        Body(#"{"to":{"client":"a b"},"text":"x"}"#, "400 invalid_client_id"),
        Body(#"{"to":{"clients":["a",7]},"text":"x"}"#, "400 invalid_client_id"),
        Body(#"{"to":{"group":"a/b"},"text":"x"}"#, "400 invalid_group"),
        Body(#"{"to":{"all":true}}"#, "400 invalid_payload"),
        Body(#"{"to":{"all":true},"text":"x","data":1}"#, "400 invalid_payload"),
        Body(#"{"to":{"all":true},"text":1}"#, "400 invalid_payload"),
        Body(#"{"to":{"all":true},"base64":"a"}"#, "400 invalid_payload"),
        Body(#"{"to":{"all":true},"text":"x","urgent":true}"#, "400 invalid_request"),
        Body(#"{"to":{"all":true},"text":"x","offline":"fail"}"#, "400 invalid_request"),
        Body(#"{"to":{"clients":["a"]},"text":"x","offline":"fail"}"#, "400 invalid_request"),
        Body(#"{"to":{"client":"a"},"text":"x","offline":"keep"}"#, "400 invalid_request"),
        Body(#"{"to":{"client":"a"},"text":"x","offline":true}"#, "400 invalid_request"),
        Body(#"{"to":{"client":"a"},"text":"x","offline":"queue"}"#, nil),
        Body(#"{"to":{"all":true},"text":"x","durable":1}"#, "400 invalid_request"),
        Body(#"{"to":{"all":true},"text":"x","durable":true}"#, nil),
        Body(#"{"to":{"all":true},"text":"x","ttl":0}"#, "400 invalid_request"),
        Body(#"{"to":{"all":true},"text":"x","ttl":"1"}"#, "400 invalid_request"),
        Body(#"{"to":{"all":true},"text":"x","ttl":60}"#, "400 invalid_request"),
        Body(#"{"to":{"all":true},"text":"x","collapse":1}"#, "400 invalid_request"),
        Body(#"{"to":{"all":true},"text":"x","collapse":"k"}"#, "400 invalid_request"),
        Body(#"{"to":{"client":"a"},"text":"x","collapse":"k","durable":true,"ttl":1.5}"#, nil),
        Body(#"{"to":{"all":true},"text":"x","collapse":"k","durable":true}"#, "400 invalid_request"),
        Body(#"{"to":{"labels":{"k":"v"}},"text":"x","durable":true}"#, "400 invalid_request"),
        Body(#"{"to":{"all":true},"text":"x","id":null}"#, "400 invalid_request"),
        Body(#"{"to":{"all":true},"text":"x","id":"o-1"}"#, nil),
        Body(#"{"to":{"all":true},"text":"x","id":"o 1"}"#, "400 invalid_request"),
        Body(#"{"to":{"all":true},"text":"x","durable":false}"#, nil),
        Body(#"{"to":{"all":true},"text":"x","offline":"drop"}"#, nil),
        Body(#"{"to":{"client":"a"},"text":"x","offline":"fail"}"#, nil),
    ]

    @Test(arguments: bodies)
    private func bodiesThatAreRefused(body: Body) {
        #expect(problem(request(.push, body.text)) == body.problem)
    }

    @Test func theBodySaysWhomAndWhat() throws {
        let accepted = try request(.push, #"{"offline":"fail","data": {"p": 3.20},"to":{"client":"kiosk-7"}}"#)
            .accepted()
        #expect(accepted.target == .client(client("kiosk-7")))
        #expect(accepted.payload == Payload(format: .json, bytes: ByteBuffer(string: #"{"p": 3.20}"#)))
        #expect(accepted.options.failsOffline)
        let text = try request(.push, #"{"to":{"labels":{"k":"v"}},"text":"\u00e9"}"#).accepted()
        #expect(text.target == .labels(["k": "v"]))
        #expect(text.payload == Payload(format: .text, bytes: ByteBuffer(string: "\u{E9}")))
        #expect(!text.options.failsOffline)
        let binary = try request(.push, #"{"to":{"group":"g"},"base64":"AP8="}"#).accepted()
        #expect(binary.payload == Payload(format: .binary, bytes: ByteBuffer(bytes: [0, 0xFF])))
    }

    @Test func theBodyIsTheOnlyPlaceForOptions() {
        #expect(problem(request(.push, query: "offline=drop")) == "400 invalid_request")
    }

    // MARK: The shorthands

    private struct Verbatim: Sendable, CustomTestStringConvertible {
        let type: String?
        let format: Payload.Format
        var testDescription: String { type ?? "none" }
    }

    private static let types = [
        Verbatim(type: nil, format: .binary), Verbatim(type: "", format: .binary),
        Verbatim(type: "application/octet-stream", format: .binary), Verbatim(type: "text/plain", format: .text),
        Verbatim(type: "text/html; charset=utf-8", format: .text),
        Verbatim(type: "TEXT/Plain;charset=UTF-8", format: .text),
        Verbatim(type: "application/json", format: .json), Verbatim(type: "Application/JSON ; x=y", format: .json),
        Verbatim(type: "application/jsonl", format: .binary), Verbatim(type: "textual/x", format: .binary),
    ]

    @Test(arguments: types)
    private func theContentTypeIsTheFormat(verbatim: Verbatim) throws {
        let body = " {\"a\" : 1.0}\n"
        for (route, target) in [
            (PushRoute.client("k"), Target.client(client("k"))), (.group("g"), .group(group("g"))), (.broadcast, .all),
        ] {
            let accepted = try request(route, type: verbatim.type, body).accepted()
            #expect(accepted.target == target)
            #expect(accepted.payload == Payload(format: verbatim.format, bytes: ByteBuffer(string: body)))
            #expect(!accepted.options.failsOffline)
        }
    }

    @Test func anEmptyPayload() {
        #expect(problem(request(.broadcast, "")) == nil)
        #expect(problem(request(.broadcast, type: "text/plain", "")) == nil)
        #expect(problem(request(.broadcast, type: "application/json", "")) == "400 malformed_json")
    }

    @Test func brokenPayloads() {
        #expect(problem(request(.broadcast, type: "application/json", "{\"a\":}")) == "400 malformed_json")
        let latin = PushRequest(route: .broadcast, contentType: "text/plain", body: ByteBuffer(bytes: [0xE9]))
        #expect(problem(latin) == "400 invalid_payload")
        let json = PushRequest(
            route: .broadcast, contentType: "application/json", body: ByteBuffer(bytes: [0x22, 0xE9, 0x22]))
        #expect(problem(json) == "400 malformed_json")
        #expect(problem(PushRequest(route: .broadcast, body: ByteBuffer(bytes: [0xE9]))) == nil)
    }

    @Test(arguments: ["", "a b", "a%20b", "\u{E9}", String(repeating: "x", count: 129)])
    func namesThatAreRefused(name: String) {
        #expect(problem(request(.client(name))) == "400 invalid_client_id")
        #expect(problem(request(.group(name))) == "400 invalid_group")
    }

    @Test(
        arguments: [
            ("offline=drop", nil), ("offline=fail", nil), ("durable=false", nil),
            ("offline=queue", nil), ("offline=queue&durable=true", nil),
            ("offline=queue&durable=false", "400 invalid_request"),
            ("offline=fail&durable=true", "400 invalid_request"),
            ("offline=", "400 invalid_request"), ("durable=true", nil), ("durable=1", "400 invalid_request"),
            ("ttl=60", "400 invalid_request"), ("collapse=k", "400 invalid_request"), ("durable=true&ttl=60", nil),
            ("durable=true&ttl=0", "400 invalid_request"), ("durable=true&ttl=x", "400 invalid_request"),
            ("durable=true&ttl=2592001", "400 invalid_request"), ("durable=true&collapse=k", nil),
            ("durable=true&collapse=", "400 invalid_request"), ("id=x", nil), ("id=a%20b", "400 invalid_request"),
            ("urgent=1", "400 invalid_request"), ("offline=%", "400 invalid_request"), ("&", nil),
            ("offline=drop&offline=fail", "400 invalid_request"), ("durable=false&offline=drop", nil),
        ] as [(String, String?)])
    func theQueryHasTheOptions(query: String, code: String?) {
        #expect(problem(request(.client("a"), query: query)) == code)
    }

    @Test func failingOfflineIsForOneClient() throws {
        #expect(try request(.client("a"), query: "offline=fail").accepted().options.failsOffline)
        #expect(try !request(.client("a"), query: "offline=drop").accepted().options.failsOffline)
        #expect(problem(request(.broadcast, query: "offline=fail")) == "400 invalid_request")
        #expect(problem(request(.group("g"), query: "offline=fail")) == "400 invalid_request")
    }

    // MARK: Headers

    @Test(
        arguments: [
            ("wait=5", 5), ("Wait=5", 5), ("respond-async, wait=5", 5), ("respond-async,wait = 5", 5),
            ("wait=\"5\"", 5),
            ("wait=61", 60), ("wait=0", nil), ("respond-async", nil), ("return=minimal", nil), ("", nil),
        ] as [(String, Double?)])
    func thePreferenceSaysHowLongToWait(prefer: String, seconds: Double?) throws {
        let request = request(.push, prefer: prefer)
        #expect(try request.accepted().options.wait == seconds)
    }

    @Test(arguments: ["wait", "wait=", "wait=x", "wait=-1", "wait=1.5"])
    func aWaitWithoutSecondsIsRefused(prefer: String) {
        let request = request(.push, prefer: prefer)
        #expect(problem(request) == "400 invalid_request")
    }

    @Test func theIdempotencyKeyIsTheKeyUnlessTheBodyHasAnID() throws {
        let keyed = request(.push, key: "some!key~")
        #expect(keyed.key(try keyed.accepted()) == "some!key~")
        let named = #"{"to":{"all":true},"text":"x","id":"order-81"}"#
        #expect(request(.push, named).key(try request(.push, named).accepted()) == "order-81")
        #expect(request(.push).key(try request(.push).accepted()) == nil)
        #expect(problem(request(.push, key: "k", named)) == "400 invalid_request")
        // What is no UTF-8 on the wire has become U+FFFD: two such keys would be one.
        for key in ["", String(repeating: "x", count: 256), "some key", "k\u{FFFD}", "\u{E9}", "k\n", "\u{7F}"] {
            #expect(problem(request(.push, key: key)) == "400 invalid_request")
        }
    }

    @Test func theFingerprintTellsRequestsApart() {
        let requests = [
            request(.push, "a"), request(.push, "b"), request(.broadcast, "a"), request(.client("k"), "a"),
            request(.client("k"), type: "text/plain", "a"), request(.client("k"), query: "durable=true", "a"),
        ]
        #expect(Set(requests.map(\.fingerprint)).count == requests.count)
        #expect(request(.push, "a").fingerprint == request(.push, "a").fingerprint)
    }
}
