import SwitchboardProtocol
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

@Suite struct SessionLimitTests {
    private let pong = #"{"type":"pong"}"#

    @Test func onlySoMuchIsKeptBeforeItIsOpen() throws {
        let test = TestNode()
        let connection = try TestConnection.open(test, "a")
        connection.session.phase = .registering
        for _ in 0..<100 { try connection.receive(pong) }
        #expect(connection.session.phase == .registering)
        try connection.receive(pong)
        #expect(connection.session.phase == .closing)
        #expect(test.shard.counters.closes[.inboundRateExceeded] == 1)
    }

    @Test func framesCostMoreThanTheirBytes() throws {
        let test = TestNode {
            $0.inboundRate = 10_000
            $0.inboundLimit = 10_000
        }
        let connection = try TestConnection.open(test, "a")
        // Twice the rate may come at once.
        let count = 20_000 / (ServerConfiguration.frameCost + pong.utf8.count) - 1
        for _ in 0..<count { try connection.receive(pong) }
        #expect(connection.session.phase == .open)
        for _ in 0..<10 { try connection.receive(pong) }
        #expect(connection.session.phase != .open)
        #expect(test.shard.counters.closes[.inboundRateExceeded] == 1)
        let family = test.node.metrics.registry.families().first { $0.description == MetricCatalogue.limited }
        let sample = family?.samples.first { $0.labels == [MetricLabel("limit", "inboundRate")] }
        #expect(sample?.value == .number(1))
    }

    @Test func aRateOfZeroMeansNone() throws {
        let test = TestNode {
            $0.inboundRate = 0
            $0.messageRate = 0
        }
        let connection = try TestConnection.open(test, "a")
        for _ in 0..<5000 { try connection.receive(pong) }
        #expect(connection.session.phase == .open)
    }
}
