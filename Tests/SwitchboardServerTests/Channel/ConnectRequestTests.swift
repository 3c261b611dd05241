import NIOCore
import NIOHTTP1
import SwitchboardProtocol
import SwitchboardWebSocket
import Testing

@testable import SwitchboardServer

@Suite struct ConnectRequestTests {
    private func request(
        _ uri: String = "/ws", headers: [(String, String)] = [], remote: SocketAddress? = nil,
        _ change: (inout ServerConfiguration) -> Void = { _ in }
    ) throws(Problem) -> ConnectRequest {
        var configuration = ServerConfiguration(node: NodeID(unchecked: "n1"))
        change(&configuration)
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: uri, headers: HTTPHeaders(headers))
        return try ConnectRequest(head, remote: remote, configuration: configuration)
    }

    private func refusal(
        _ uri: String = "/ws", headers: [(String, String)] = [],
        _ change: (inout ServerConfiguration) -> Void = { _ in }
    ) -> String? {
        do throws(Problem) {
            _ = try request(uri, headers: headers, change)
            return nil
        } catch {
            return error.code
        }
    }

    // MARK: The query

    @Test func withoutAQueryTheClientIsNobody() throws {
        let request = try request()
        #expect(request.mode == .raw)
        #expect(request.client == nil)
        #expect(request.groups.isEmpty)
        #expect(request.labels.isEmpty)
        #expect(request.userAgent == nil)
        #expect(request.address == "unknown")
    }

    @Test func theQueryNamesTheClient() throws {
        let request = try request(
            "/ws?clientId=kiosk%2D7&group=shop:1&group=all&group=shop:1&label.role=till&label.a.b=%C3%A9+x&label.=no&other=1",
            headers: [("User-Agent", "till/2")])
        #expect(request.client == client("kiosk-7"))
        #expect(request.groups == [group("shop:1"), group("all")])
        #expect(request.labels == ["role": "till", "a.b": "\u{E9} x"])
        #expect(request.userAgent == "till/2")
    }

    @Test(
        arguments: [
            ("/ws?clientId=", "invalid_client_id"), ("/ws?clientId=a%20b", "invalid_client_id"),
            ("/ws?clientId=a&clientId=b", "invalid_client_id"), ("/ws?clientId=a&clientId=a", "invalid_client_id"),
            ("/ws?clientId=a/b", "invalid_client_id"), ("/ws?group=", "invalid_group"),
            ("/ws?group=a%2Fb", "invalid_group"),
            ("/ws?token=x", nil), ("/ws?token=x&token=y", "invalid_request"), ("/ws?token=%FF", "invalid_request"),
            ("/ws?clientId=%", "invalid_request"),
            ("/ws?x=%FF", "invalid_request"), ("/ws?clientId=a", nil), ("/ws?label.x=1&label.x=2", nil),
        ] as [(String, String?)])
    func queriesThatAreRefused(uri: String, code: String?) {
        #expect(refusal(uri) == code)
    }

    @Test func aClientIDMayHave128Characters() {
        let longest = String(repeating: "x", count: 128)
        #expect(refusal("/ws?clientId=\(longest)") == nil)
        #expect(refusal("/ws?clientId=\(longest)x") == "invalid_client_id")
    }

    @Test func theHeaderCountsBeforeTheQuery() throws {
        #expect(try request("/ws?token=q").token == "q")
        #expect(try request("/ws?token=q", headers: [("Authorization", "Bearer h")]).token == "h")
        #expect(try request(headers: [("authorization", "bearer h")]).token == "h")
        #expect(try request().token == nil)
    }

    @Test(arguments: [["Basic dTpw"], ["Bearer"], ["Bearer a b"], ["Bearer h", "Bearer h"]])
    func authorizationIsNotIgnored(values: [String]) {
        #expect(refusal(headers: values.map { ("Authorization", $0) }) == "unauthorized")
    }

    @Test func theLimitsOfGroupsAndLabels() {
        func query(_ name: (Int) -> String, _ count: Int) -> String {
            "/ws?" + (0..<count).map(name).joined(separator: "&")
        }
        let groups = { (index: Int) in "group=g\(index)" }
        #expect(refusal(query(groups, 3)) { $0.maximumGroups = 3 } == nil)
        #expect(refusal(query(groups, 4)) { $0.maximumGroups = 3 } == "too_many_groups")
        #expect(refusal(query(groups, 500)) { $0.maximumGroups = 0 } == nil)
        #expect(refusal(query({ _ in "group=g" }, 500)) { $0.maximumGroups = 3 } == nil)
        let labels = { (index: Int) in "label.l\(index)=x" }
        #expect(refusal(query(labels, Target.maximumLabels)) == nil)
        #expect(refusal(query(labels, Target.maximumLabels + 1)) == "invalid_request")
    }

    @Test func aLongUserAgentIsCut() throws {
        let request = try request(headers: [("User-Agent", String(repeating: "x", count: 5000))])
        #expect(request.userAgent?.count == 256)
    }

    @Test func generatedIDsAreValidAndNew() {
        let ids = Set((0..<1000).map { _ in ConnectRequest.generatedID() })
        #expect(ids.count == 1000)
        #expect(ids.allSatisfy { ClientID(rawValue: $0.rawValue) != nil && $0.rawValue.hasPrefix("anon-") })
    }

    // MARK: Subprotocols

    private struct Offer: Sendable, CustomTestStringConvertible {
        let headers: [String]
        let mode: ConnectionMode?
        var testDescription: String { "\(headers)" }
    }

    private static let offers = [
        Offer(headers: [], mode: .raw), Offer(headers: ["switchboard.v1"], mode: .framed),
        Offer(headers: ["mqtt, switchboard.v1"], mode: .framed),
        Offer(headers: ["mqtt", "switchboard.v1"], mode: .framed),
        Offer(headers: [" switchboard.v1 ,x"], mode: .framed), Offer(headers: ["mqtt"], mode: nil),
        Offer(headers: ["switchboard.v2"], mode: nil), Offer(headers: ["Switchboard.V1"], mode: nil),
        Offer(headers: ["switchboard.v1x"], mode: nil),
    ]

    @Test(arguments: offers)
    private func theSubprotocolChoosesTheMode(offer: Offer) {
        let headers = offer.headers.map { ("Sec-WebSocket-Protocol", $0) }
        #expect((try? request(headers: headers))?.mode == offer.mode)
        #expect(refusal(headers: headers) == (offer.mode == nil ? "unknown_subprotocol" : nil))
    }

    // MARK: Compression

    @Test(
        arguments: [
            ([], nil), (["x-unknown"], nil), (["permessage-deflate"], .standard),
            (["permessage-deflate; server_max_window_bits=10"], .small), (["x, permessage-deflate"], .standard),
            (["permessage-deflate; server_max_window_bits=8"], nil), (["permessage-deflate; unknown"], nil),
            (["permessage-deflate; server_max_window_bits=8", "permessage-deflate"], .standard),
        ] as [([String], DeflateWindow?)])
    func anOfferOfCompressionIsAnsweredWhereItIsOn(offers: [String], window: DeflateWindow?) throws {
        let headers = offers.map { ("Sec-WebSocket-Extensions", $0) }
        let answer = try request(headers: headers) { $0.compression = true }.compression
        #expect(answer?.window == window)
        #expect(try request(headers: headers).compression == nil)
    }

    @Test(arguments: ["permessage-deflate;", "permessage-deflate; =8", "a b", "x;y=\"", "\"permessage-deflate\""])
    func aMalformedOfferIsRefusedInAnyCase(offer: String) {
        let headers = [("Sec-WebSocket-Extensions", offer)]
        #expect(refusal(headers: headers) == "invalid_request")
        #expect(refusal(headers: headers) { $0.compression = true } == "invalid_request")
    }

    // MARK: The address

    private struct Way: Sendable, CustomTestStringConvertible {
        let remote: String
        let forwarded: [String]
        let address: String
        var testDescription: String { "\(remote) \(forwarded)" }
    }

    private static let ways = [
        Way(remote: "127.0.0.1", forwarded: [], address: "127.0.0.1:5000"),
        Way(remote: "::1", forwarded: [], address: "[::1]:5000"),
        Way(remote: "127.0.0.1", forwarded: ["203.0.113.9"], address: "203.0.113.9"),
        Way(remote: "::1", forwarded: ["2001:db8::9"], address: "2001:db8::9"),
        // Not trusted: whatever it says, it is the client.
        Way(remote: "198.51.100.2", forwarded: ["203.0.113.9"], address: "198.51.100.2:5000"),
        // What the client itself wrote stands left of what the proxies added.
        Way(remote: "127.0.0.1", forwarded: ["10.0.0.1, 203.0.113.9"], address: "203.0.113.9"),
        Way(remote: "127.0.0.1", forwarded: ["127.0.0.1,203.0.113.9 , 192.168.0.7"], address: "203.0.113.9"),
        Way(remote: "192.168.0.7", forwarded: ["1.1.1.1", "203.0.113.9, 192.168.0.8"], address: "203.0.113.9"),
        Way(remote: "192.168.0.7", forwarded: ["192.168.0.1, 192.168.0.2"], address: "192.168.0.1"),
        Way(remote: "127.0.0.1", forwarded: [""], address: "127.0.0.1:5000"),
        Way(remote: "127.0.0.1", forwarded: [","], address: "127.0.0.1:5000"),
        Way(remote: "127.0.0.1", forwarded: ["203.0.113.9, ,"], address: "203.0.113.9"),
        Way(remote: "127.0.0.1", forwarded: ["unknown"], address: "unknown"),
    ]

    @Test(arguments: ways)
    private func theAddressIsTheLastThatNoTrustedProxyAdded(way: Way) throws {
        let remote = try SocketAddress(ipAddress: way.remote, port: 5000)
        let request = try request(headers: way.forwarded.map { ("X-Forwarded-For", $0) }, remote: remote) {
            $0.trustedProxies += ["192.168.0.0/16"].compactMap { AddressRange($0) }
        }
        #expect(request.address == way.address)
    }

    @Test func withoutTrustedProxiesTheHeaderMeansNothing() throws {
        let remote = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        let request = try request(headers: [("X-Forwarded-For", "203.0.113.9")], remote: remote) {
            $0.trustedProxies = []
        }
        #expect(request.address == "127.0.0.1:1")
    }

    // MARK: Hello

    @Test func helloNamesAndLabelsTheClient() throws {
        let hello = ClientFrame.hello(.init(client: client("k"), labels: ["a": "2", "b": "3"]))
        let named = try request("/ws?label.a=1&group=g").adding(hello)
        #expect(named.client == client("k"))
        #expect(named.labels == ["a": "2", "b": "3"])
        #expect(named.groups == [group("g")])
    }

    @Test func helloMayNotAddMoreLabelsThanAClientMayHave() throws {
        let labels = Dictionary(uniqueKeysWithValues: (0..<100).map { ("h\($0)", "x") })
        let request = try request("/ws?label.u=1").adding(.hello(.init(labels: labels.merging(["u": "2"]) { $1 })))
        #expect(request.labels.count == Target.maximumLabels)
        #expect(request.labels["u"] == "2")
    }

    @Test func anotherFirstFrameNamesNobody() throws {
        let request = try request("/ws?label.a=1").adding(.pong)
        #expect(request.client == nil)
        #expect(request.labels == ["a": "1"])
    }
}
