import Logging
import ServiceLifecycle
import UnixSignals

/// Has everything read again at SIGHUP, and by the clock what has changed.
struct ReloadService: Service {
    private let parts: [any Reloadable]
    private let signals: UnixSignalsSequence
    /// Seconds; 0 leaves it to the signal.
    private let interval: Double
    private let logger: Logger

    /// Expects the signal from here on: who has seen that the node listens may send it, and it ends a process that does not.
    ///
    /// - Returns: nil when there is nothing to read again.
    init?(_ parts: [any Reloadable], interval: Double, logger: Logger) async {
        guard !parts.isEmpty else { return nil }
        self.parts = parts
        self.interval = interval
        self.logger = logger
        signals = await UnixSignalsSequence(trapping: .sighup)
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await heedSignals() }
                group.addTask { await watch() }
            }
        }
    }

    private func heedSignals() async {
        for await _ in signals {
            for part in parts { await part.reload(logger: logger) }
        }
    }

    private func watch() async {
        while interval > 0, (try? await Task.sleep(for: .seconds(interval))) != nil {
            for part in parts { await part.reloadIfChanged(logger: logger) }
        }
    }
}
