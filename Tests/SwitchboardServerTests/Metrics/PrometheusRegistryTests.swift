import CoreMetrics
import Testing

@testable import SwitchboardServer

@Suite struct PrometheusRegistryTests {
    private func family(_ name: String, of registry: PrometheusRegistry) -> MetricFamily? {
        registry.families().first { $0.description.name == name }
    }

    private func number(_ sample: MetricSample?) -> Double? {
        if case .number(let number) = sample?.value { number } else { nil }
    }

    @Test func everyKindOfMetricIsKept() throws {
        let registry = PrometheusRegistry(scales: ["took_seconds": .conversation])
        Counter(label: "hits", factory: registry).increment(by: 2)
        FloatingPointCounter(label: "weight", factory: registry).increment(by: 0.5)
        let meter = Meter(label: "level", factory: registry)
        meter.set(5)
        meter.decrement(by: 2)
        Gauge(label: "last", factory: registry).record(7)
        Recorder(label: "sizes", factory: registry).record(3)
        Timer(label: "took", factory: registry).recordMilliseconds(4)
        let names = registry.families().map(\.description.name)
        #expect(names == ["hits_total", "last", "level", "sizes", "took_seconds", "weight_total"])
        #expect(number(family("hits_total", of: registry)?.samples.first) == 2)
        #expect(number(family("weight_total", of: registry)?.samples.first) == 0.5)
        #expect(number(family("level", of: registry)?.samples.first) == 3)
        #expect(number(family("last", of: registry)?.samples.first) == 7)
        let took = try #require(family("took_seconds", of: registry)?.samples.first)
        guard case .histogram(let histogram) = took.value else {
            Issue.record("no histogram")
            return
        }
        #expect(histogram.scale == .conversation)
        #expect(histogram.sum == 4000)
        #expect(histogram.total == 1)
    }

    @Test func theSameMetricIsOne() {
        let registry = PrometheusRegistry()
        for order in [[("a", "1"), ("b", "2")], [("b", "2"), ("a", "1")]] {
            Counter(label: "hits_total", dimensions: order, factory: registry).increment()
        }
        let samples = family("hits_total", of: registry)?.samples
        #expect(samples?.count == 1)
        #expect(number(samples?.first) == 2)
    }

    @Test func labelsAreBounded() {
        let registry = PrometheusRegistry()
        for index in 0..<250 {
            Counter(label: "hits", dimensions: [("client", "c\(index)")], factory: registry).increment()
        }
        let samples = family("hits_total", of: registry)?.samples ?? []
        #expect(samples.count == PrometheusRegistry.maximumSeries + 1)
        #expect(number(samples.first { $0.labels == [MetricLabel("client", "other")] }) == 150)
        #expect(registry.refusals == 150)
        // Those that were there go on being counted by themselves.
        Counter(label: "hits", dimensions: [("client", "c0")], factory: registry).increment()
        let first = family("hits_total", of: registry)?.samples.first { $0.labels == [MetricLabel("client", "c0")] }
        #expect(number(first) == 2)
    }

    @Test func aMetricKeepsItsKind() {
        let registry = PrometheusRegistry(catalogue: [MetricDescription("level", .gauge, "How high.")])
        Meter(label: "level", factory: registry).set(1)
        Recorder(label: "level", factory: registry).record(9)
        #expect(family("level", of: registry)?.description.help == "How high.")
        #expect(number(family("level", of: registry)?.samples.first) == 1)
        #expect(registry.refusals == 1)
    }

    @Test func whatIsDestroyedIsGone() {
        let registry = PrometheusRegistry()
        let counter = Counter(label: "hits", factory: registry)
        counter.increment()
        counter.destroy()
        #expect(family("hits_total", of: registry)?.samples.isEmpty == true)
        Counter(label: "hits", factory: registry).increment()
        #expect(number(family("hits_total", of: registry)?.samples.first) == 1)
    }

    @Test func countersNeverFall() {
        let cell = CounterCell()
        cell.increment(by: 3)
        cell.increment(by: -2)
        #expect(cell.value == 3)
        let floating = FloatingCounterCell()
        floating.increment(by: .nan)
        floating.increment(by: -1)
        #expect(floating.value == 0)
    }

    @Test(arguments: [
        ("http.requests", "http_requests"), ("9lives", "_9lives"), ("", "_"), ("a:b", "a:b"), ("größe", "gr__e"),
    ])
    func namesAreMadeFit(label: String, name: String) {
        #expect(MetricName.sanitized(label) == name)
    }

    @Test(arguments: [("le", "label_le"), ("__name__", "label_name__"), ("a:b", "a_b"), ("ok", "ok")])
    func labelsAreMadeFit(label: String, name: String) {
        #expect(MetricName.label(label) == name)
    }
}
