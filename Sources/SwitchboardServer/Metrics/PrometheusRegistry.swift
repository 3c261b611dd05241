import CoreMetrics
import Synchronization

/// A backend of swift-metrics that keeps what Prometheus fetches.
///
/// What a metric is called and means comes from ``MetricCatalogue`` where it stands there; a library that records something else is
/// shown under its own name. Labels are bounded: beyond ``maximumSeries`` of one metric further ones are added up under
/// `other`, so that no input can fill the memory of a node or of Prometheus.
final class PrometheusRegistry: MetricsFactory {
    /// Series of one metric, the one for the others not counted.
    static let maximumSeries = 100

    private enum Cell {
        case counter(CounterCell)
        case floatingCounter(FloatingCounterCell)
        case gauge(GaugeCell)
        case histogram(HistogramCell)

        var value: MetricSample.Value {
            switch self {
            case .counter(let cell): .number(cell.value)
            case .floatingCounter(let cell): .number(cell.value)
            case .gauge(let cell): .number(cell.value)
            case .histogram(let cell): .histogram(cell.value)
            }
        }

        var handler: AnyObject {
            switch self {
            case .counter(let cell): cell
            case .floatingCounter(let cell): cell
            case .gauge(let cell): cell
            case .histogram(let cell): cell
            }
        }
    }

    private struct Family {
        let description: MetricDescription
        var cells: [[MetricLabel]: Cell] = [:]
    }

    private struct State {
        var families: [String: Family] = [:]
        var refusals = 0
    }

    private let catalogue: [String: MetricDescription]
    private let scales: [String: HistogramScale]
    private let state = Mutex(State())

    /// - Parameters:
    ///   - catalogue: What is known of metrics by their names.
    ///   - scales: Of histograms by their names; others have ``HistogramScale/latency``.
    init(catalogue: [MetricDescription] = [], scales: [String: HistogramScale] = [:]) {
        self.catalogue = Dictionary(catalogue.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.scales = scales
    }

    /// How often a series was not given one of its own: there were too many, or its metric is of another kind.
    var refusals: Int { state.withLock { $0.refusals } }

    /// Everything that was recorded, by name.
    func families() -> [MetricFamily] {
        let families = state.withLock { Array($0.families.values) }
        return families.sorted { $0.description.name < $1.description.name }.map { family in
            let samples = family.cells.sorted { Self.precedes($0.key, $1.key) }.map { MetricSample($1.value, $0) }
            return MetricFamily(family.description, samples)
        }
    }

    private static func precedes(_ left: [MetricLabel], _ right: [MetricLabel]) -> Bool {
        left.lexicographicallyPrecedes(right) { ($0.name, $0.value) < ($1.name, $1.value) }
    }

    // MARK: MetricsFactory

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        cell(MetricName.counter(label), .counter, dimensions) { .counter(CounterCell()) } as? CounterCell
            ?? CounterCell()
    }

    func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        cell(MetricName.counter(label), .counter, dimensions) { .floatingCounter(FloatingCounterCell()) }
            as? FloatingCounterCell ?? FloatingCounterCell()
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        cell(MetricName.sanitized(label), .gauge, dimensions) { .gauge(GaugeCell()) } as? GaugeCell ?? GaugeCell()
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        let name = MetricName.sanitized(label)
        guard aggregate else {
            return cell(name, .gauge, dimensions) { .gauge(GaugeCell()) } as? GaugeCell ?? GaugeCell()
        }
        return histogram(name, dimensions, standard: .count)
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(MetricName.timer(label), dimensions, standard: .latency)
    }

    private func histogram(
        _ name: String, _ dimensions: [(String, String)], standard: HistogramScale
    ) -> HistogramCell {
        let scale = scales[name] ?? standard
        return cell(name, .histogram, dimensions) { .histogram(HistogramCell(scale)) } as? HistogramCell
            ?? HistogramCell(scale)
    }

    func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    // MARK: Series

    /// - Returns: The series' handler; nil when the metric is of another kind. What is recorded then is told to nobody.
    private func cell(
        _ name: String, _ kind: MetricDescription.Kind, _ dimensions: [(String, String)], _ make: () -> Cell
    ) -> AnyObject? {
        let labels = dimensions.map { MetricLabel(MetricName.label($0.0), $0.1) }.sorted { $0.name < $1.name }
        return state.withLock { state in
            var family =
                state.families[name]
                ?? Family(description: catalogue[name] ?? MetricDescription(name, kind, "Recorded by a library."))
            guard family.description.kind == kind else {
                state.refusals += 1
                return nil
            }
            var key = labels
            if family.cells[key] == nil, family.cells.count >= Self.maximumSeries {
                state.refusals += 1
                key = labels.map { MetricLabel($0.name, "other") }
            }
            let cell = family.cells[key] ?? make()
            family.cells[key] = cell
            state.families[name] = family
            return cell.handler
        }
    }

    private func remove(_ handler: AnyObject) {
        state.withLock { state in
            state.families = state.families.mapValues { family in
                var family = family
                family.cells = family.cells.filter { $0.value.handler !== handler }
                return family
            }
        }
    }
}

/// Names as Prometheus wants them.
enum MetricName {
    /// Letters, digits, `_` and `:`, not beginning with a digit.
    static func sanitized(_ label: String) -> String { cleaned(label, alsoAllowed: ":") }

    static func counter(_ label: String) -> String { suffixed(sanitized(label), "_total") }
    static func timer(_ label: String) -> String { suffixed(sanitized(label), "_seconds") }

    /// A label's name has no `:`, and `le` and what begins with `__` are taken.
    static func label(_ name: String) -> String {
        let clean = cleaned(name, alsoAllowed: "_")
        return clean == "le" || clean.hasPrefix("__") ? "label_" + clean.drop { $0 == "_" } : clean
    }

    private static func cleaned(_ name: String, alsoAllowed: Character) -> String {
        let clean = String(
            name.map { $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == alsoAllowed ? $0 : "_" })
        return clean.first.map { $0.isNumber } ?? true ? "_" + clean : clean
    }

    private static func suffixed(_ name: String, _ suffix: String) -> String {
        name.hasSuffix(suffix) ? name : name + suffix
    }
}
