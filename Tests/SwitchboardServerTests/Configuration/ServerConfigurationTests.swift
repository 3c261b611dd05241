import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct ServerConfigurationTests {
    private struct Row: Sendable, CustomTestStringConvertible {
        /// The setting that the message must name; nil when the configuration is in order.
        let setting: String?
        let testDescription: String
        let change: @Sendable (inout ServerConfiguration) -> Void

        init(
            _ setting: String?, _ description: String, _ change: @escaping @Sendable (inout ServerConfiguration) -> Void
        ) {
            self.setting = setting
            testDescription = description
            self.change = change
        }
    }

    private static let rows = [
        Row(nil, "the defaults") { _ in },
        Row(nil, "a free port") { $0.port = 0 },
        Row("port", "no such port") { $0.port = 65536 },
        Row("port", "a negative port") { $0.port = -1 },
        Row(nil, "localhost") { $0.host = "localhost" },
        Row(nil, "another loopback address") { $0.host = "127.9.9.9" },
        Row(nil, "loopback by IPv6") { $0.host = "::1" },
        Row("host", "every interface") { $0.host = "0.0.0.0" },
        Row("host", "every interface by IPv6") { $0.host = "::" },
        Row("host", "another machine's address") { $0.host = "192.0.2.1" },
        Row("host", "a name") { $0.host = "localhost.example.org" },
        Row("host", "nothing") { $0.host = "" },
        Row(nil, "every interface, wanted") {
            $0.host = "0.0.0.0"
            $0.allowAnonymous = true
        },
        Row("heartbeatInterval", "pings without a pause") { $0.heartbeatInterval = 0 },
        Row("heartbeatInterval", "a negative interval") { $0.heartbeatInterval = -25 },
        Row("heartbeatInterval", "an interval that is no number") { $0.heartbeatInterval = .nan },
        Row("heartbeatInterval", "an endless interval") { $0.heartbeatInterval = .infinity },
        Row("heartbeatInterval", "an interval that no timer holds") { $0.heartbeatInterval = 1e12 },
        Row("heartbeatTimeout", "no time to answer") { $0.heartbeatTimeout = 0 },
        Row("heartbeatTimeout", "an endless timeout") { $0.heartbeatTimeout = .infinity },
        Row(nil, "no delay before draining") { $0.drainDelay = 0 },
        Row(nil, "draining without a limit") { $0.drainLimit = 0 },
        Row("drainDelay", "a delay that leaves no time") { $0.drainDelay = 60 },
        Row("drainDelay", "a negative delay") { $0.drainDelay = -1 },
        Row("drainDelay", "a delay that is no number") { $0.drainDelay = .nan },
        Row(nil, "a slow rebalance") { $0.rebalance = 1 },
        Row("rebalance", "more than everybody") { $0.rebalance = 101 },
        Row("rebalance", "a negative share") { $0.rebalance = -1 },
        Row("inboundLimit", "inboundLimit") { $0.inboundLimit = -1 },
        Row("bodyLimit", "bodyLimit") { $0.bodyLimit = -1 },
        Row("outboundLimit", "outboundLimit") { $0.outboundLimit = -1 },
        Row("outboundPushes", "outboundPushes") { $0.outboundPushes = -1 },
        Row("messageRate", "messageRate") { $0.messageRate = -1 },
        Row("messageBurst", "messageBurst") { $0.messageBurst = -1 },
        Row("publishRate", "publishRate") { $0.publishRate = -1 },
        Row("acceptRate", "acceptRate") { $0.acceptRate = -1 },
        Row("maxConnections", "maxConnections") { $0.maximumConnections = -1 },
        Row("roups", "a negative number of groups") { $0.maximumGroups = -1 },
        Row("drainRate", "drainRate") { $0.drainRate = -1 },
        Row("drainLimit", "drainLimit") { $0.drainLimit = -1 },
        Row("drainLimit", "an endless drain") { $0.drainLimit = .infinity },
        Row("resumeWindow", "resumeWindow") { $0.resumeWindow = -1 },
        Row("loops", "loops") { $0.loops = -1 },
        Row(nil, "no limits") {
            $0.inboundLimit = 0
            $0.bodyLimit = 0
            $0.outboundLimit = 0
            $0.outboundPushes = 0
            $0.messageRate = 0
            $0.publishRate = 0
            $0.acceptRate = 0
            $0.maximumConnections = 0
            $0.maximumGroups = 0
            $0.drainRate = 0
        },
    ]

    @Test(arguments: rows)
    private func refusesWhatIsUnsafeOrContradictory(row: Row) {
        var configuration = ServerConfiguration(node: NodeID(unchecked: "n1"))
        row.change(&configuration)
        do throws(ServerConfiguration.Problem) {
            try configuration.validate()
            #expect(row.setting == nil)
        } catch {
            #expect(row.setting.map { error.description.contains($0) } == true, "\(error)")
            #expect(!error.description.contains("\n"))
        }
    }
}
