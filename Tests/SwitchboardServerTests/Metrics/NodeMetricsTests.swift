import SwitchboardProtocol
import Testing

@testable import SwitchboardCore
@testable import SwitchboardServer

@Suite struct NodeMetricsTests {
    private func told(_ description: MetricDescription, by registry: PrometheusRegistry) -> [MetricSample] {
        registry.families().first { $0.description == description }?.samples ?? []
    }

    @Test func everyOutcomeOfACommandHasItsLabel() {
        let metrics = NodeMetrics()
        let outcomes: [CommandOutcome] = [
            .result(status: 200, nil, milliseconds: 1), .offline, .noResult, .unsupported, .queueFull, .conflict,
            .cancelled, .failed(.overloaded),
        ]
        for outcome in outcomes { metrics.ended(outcome, nanoseconds: 2_000_000) }
        let counts = told(MetricCatalogue.commands, by: metrics.registry)
        #expect(counts.map(\.value) == outcomes.map { _ in .number(1) })
        // What got no result took no time that says anything.
        guard case .histogram(let latency) = told(MetricCatalogue.commandLatency, by: metrics.registry).first?.value
        else {
            Issue.record("no histogram")
            return
        }
        #expect(latency.total == 1)
        #expect(latency.sum == 2000)
        #expect(latency.scale == .conversation)
    }

    @Test func mailboxesAreMeasuredInPushesAndBytes() {
        let metrics = NodeMetrics()
        metrics.added(to: MailboxSize(pushes: 3, bytes: 700))
        for (description, sum) in [(MetricCatalogue.mailboxPushes, 3), (MetricCatalogue.mailboxBytes, 700)] {
            guard case .histogram(let histogram) = told(description, by: metrics.registry).first?.value else {
                Issue.record("no histogram")
                return
            }
            #expect(histogram.sum == sum)
        }
    }

    @Test func aDrainGoesFromNoneToAll() {
        let metrics = NodeMetrics()
        #expect(metrics.drainProgress(sessions: 100) == 0)
        metrics.beganDraining(sessions: 100)
        #expect(metrics.drainProgress(sessions: 100) == 0)
        #expect(metrics.drainProgress(sessions: 25) == 0.75)
        #expect(metrics.drainProgress(sessions: 0) == 1)
        #expect(metrics.drainProgress(sessions: 200) == 0)
        metrics.endedDraining()
        #expect(metrics.drainProgress(sessions: 0) == 0)
    }

    @Test func aNodeWithoutClientsHasDrainedAtOnce() {
        let metrics = NodeMetrics()
        metrics.beganDraining(sessions: 0)
        #expect(metrics.drainProgress(sessions: 0) == 1)
    }
}
