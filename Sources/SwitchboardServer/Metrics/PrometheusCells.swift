import CoreMetrics
import Synchronization

/// Whole numbers that rise.
final class CounterCell: CounterHandler {
    private let number = Atomic<Int64>(0)

    var value: Double { Double(number.load(ordering: .relaxed)) }

    func increment(by amount: Int64) {
        // A counter that falls would look like a restart.
        guard amount > 0 else { return }
        number.wrappingAdd(amount, ordering: .relaxed)
    }

    func reset() { number.store(0, ordering: .relaxed) }
}

/// Numbers that rise.
final class FloatingCounterCell: FloatingPointCounterHandler {
    private let number = Mutex(0.0)

    var value: Double { number.withLock { $0 } }

    func increment(by amount: Double) {
        guard amount > 0, amount.isFinite else { return }
        number.withLock { $0 += amount }
    }

    func reset() { number.withLock { $0 = 0 } }
}

/// A number that rises and falls; what a recorder that does not aggregate records, too.
final class GaugeCell: MeterHandler, RecorderHandler {
    private let number = Mutex(0.0)

    var value: Double { number.withLock { $0 } }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { number.withLock { $0 = value } }
    func increment(by amount: Double) { number.withLock { $0 += amount } }
    func decrement(by amount: Double) { increment(by: -amount) }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }
}

/// A histogram that many threads count in.
final class HistogramCell: TimerHandler, RecorderHandler {
    private let histogram: Mutex<Histogram>
    private let unitsPerWhole: Double

    init(_ scale: HistogramScale) {
        histogram = Mutex(Histogram(scale))
        unitsPerWhole = scale.unitsPerWhole
    }

    var value: Histogram { histogram.withLock { $0 } }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        // Beyond what an integer holds it is no measurement.
        guard let units = Int(exactly: (value * unitsPerWhole).rounded()) else { return }
        histogram.withLock { $0.record(units) }
    }

    /// Timers have scales in microseconds, told as seconds.
    func recordNanoseconds(_ duration: Int64) { histogram.withLock { $0.record(Int(duration / 1000)) } }
}
