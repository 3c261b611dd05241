import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct WebhookConfigurationTests {
    private func problem(_ change: (inout ServerConfiguration) -> Void) -> String? {
        var configuration = ServerConfiguration(node: NodeID(unchecked: "n1"))
        configuration.webhooks.url = "https://backend.example/events"
        change(&configuration)
        do throws(ServerConfiguration.Problem) { try configuration.validate() } catch { return error.description }
        return nil
    }

    @Test("The defaults, with a URL, are valid") func defaults() { #expect(problem { _ in } == nil) }

    private static let mistakes: [(name: String, change: @Sendable (inout ServerConfiguration) -> Void)] = [
        ("webhookURL", { $0.webhooks.url = "backend" }),
        ("webhookURL", { $0.webhooks.url = "ftp://backend/" }),
        ("webhookURL", { $0.webhooks.url = "http:///events" }),
        ("connectingURL", { $0.webhooks.connectingURL = "" }),
        ("webhookSecret", { $0.webhooks.secrets = ["secret"] }),
        ("webhookGrace", { $0.webhooks.grace = -1 }),
        ("webhookRetry", { $0.webhooks.retry = 0.5 }),
        ("webhookTimeout", { $0.webhooks.timeout = 0 }),
        ("webhookTimeout", { $0.webhooks.timeout = .nan }),
        ("connectingTimeout", { $0.webhooks.connectingTimeout = 10 }),
        ("webhookBatch", { $0.webhooks.batch = 0 }),
        ("webhookRequests", { $0.webhooks.requests = 17 }),
        ("webhookLimit", { $0.webhooks.limit = -1 }),
        ("webhookBytes", { $0.webhooks.byteLimit = -1 }),
        ("upstream", { ($0.upstream, $0.webhooks.url) = (.webhook, nil) }),
        ("upstream", { ($0.upstream, $0.webhooks.events) = (.both, [.connected]) }),
    ]

    @Test("A mistake is named by its setting", arguments: mistakes.indices)
    func namesTheSetting(index: Int) {
        let mistake = Self.mistakes[index]
        #expect(problem(mistake.change)?.hasPrefix(mistake.name) == true)
    }

    @Test("Secrets are not shown") func secrets() {
        #expect(problem { $0.webhooks.secrets = ["whsec_hidden"] }?.contains("hidden") == false)
    }
}
