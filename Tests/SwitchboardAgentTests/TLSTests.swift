import NIOCore
import NIOSSL
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// `wss://`, over real sockets.
@Suite(.timeLimit(.minutes(1))) struct TLSTests {
    @Test func connectsToANodeThatItTrusts() async throws {
        let node = try await FakeNode(tls: TestCertificate.serverContext())
        let trusting = try TestCertificate.trusting()
        let running = RunningAgent("wss://localhost:\(node.port)", configure: { $0.tls = trusting })
        let connection = try await node.connections.next()
        try await connection.hello()
        try await connection.push("p1")
        #expect(try await running.pushes.next().id == "p1")
        running.run.cancel()
        try await connection.expectClose(1000)
        try await running.run.value
        try await node.stop()
    }

    @Test(arguments: ["wss://localhost", "wss://127.0.0.1"])
    func refusesANodeThatItDoesNotTrust(url: String) async throws {
        let node = try await FakeNode(tls: TestCertificate.serverContext())
        // The certificate is trusted for `localhost`, but not for the address.
        let tls =
            url.hasSuffix("localhost") ? TLSConfiguration.makeClientConfiguration() : try TestCertificate.trusting()
        let running = RunningAgent("\(url):\(node.port)", configure: { $0.tls = tls })
        let end = try await running.nextEnd()
        #expect(end.reason.hasPrefix("TLS failed"), "\(end.reason)")
        #expect(end.retryIn == 0)
        await running.agent.stop()
        try await running.run.value
        try await node.stop()
    }
}
