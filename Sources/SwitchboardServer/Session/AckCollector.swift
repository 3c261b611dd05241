import SwitchboardCore
import SwitchboardProtocol

/// Gathers what the clients of one event loop say about a push for which a backend waits, so that the origin hears of many at
/// once. Belongs to its loop.
final class AckCollector {
    let push: BusPush
    private var clients = 0

    init(_ push: BusPush) { self.push = push }

    /// - Returns: true when it is to be asked for its report at the end of this turn of the loop.
    func add() -> Bool {
        clients += 1
        return clients == 1
    }

    /// Clients that were not reported before.
    func take() -> Int {
        defer { clients = 0 }
        return clients
    }
}
