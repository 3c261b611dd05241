import Dispatch

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Calls back at the first SIGINT or SIGTERM; the second ends the process at once.
struct TerminationSignals {
    private let sources: [any DispatchSourceSignal]

    init(onFirst: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "switchboard.signals")
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: queue)
        }
        for source in sources {
            source.setEventHandler {
                // From now on the system's own way: the next signal ends the process.
                for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
                onFirst()
            }
            source.resume()
        }
    }

    func cancel() {
        for source in sources { source.cancel() }
    }
}
