import Foundation
import Synchronization

/// Writes a history down while it happens.
final class ChaosJournal: Sendable {
    private let began = ContinuousClock.now
    private let written = Mutex(ChaosHistory())

    var history: ChaosHistory { written.withLock { $0 } }
    var seconds: Double { (ContinuousClock.now - began) / .seconds(1) }

    func note(_ event: ChaosEvent) {
        // Within the lock, so that times rise from entry to entry.
        written.withLock { $0.add(event, at: seconds) }
    }

    func note(_ text: String) { note(.note(text)) }
}

extension ChaosHistory {
    /// All lines, for who looks for the cause of a violation.
    var text: String {
        entries.map { String(format: "%8.3f ", $0.at) + "\($0.event)" }.joined(separator: "\n") + "\n"
    }

    /// The lines that name a push or command, or tell of its client's connections.
    func lines(about violation: ChaosChecker.Violation) -> String {
        let names = [violation.id, violation.client.map { $0 + " " }].compactMap { $0 }
        let client = violation.client.map { "client: \"\($0)\"" }
        let lines = text.split(separator: "\n").filter { line in
            guard names.contains(where: { line.contains($0) }) else { return false }
            // Of a push to many, what the others did with it says little.
            return client.map { line.contains($0) || !line.contains(" handled(") } ?? true
        }
        return lines.suffix(40).joined(separator: "\n")
    }

    /// The last lines of a client's connections, and what was done to the cluster.
    func lines(ofClient name: String) -> String {
        let lines = text.split(separator: "\n").filter { $0.contains("\(name) is ") || $0.contains(" --- ") }
        return lines.suffix(60).joined(separator: "\n")
    }

    /// How much happened.
    var summary: String {
        var pushes: [Int: Int] = [:]
        var commands: [Int: Int] = [:]
        var handled = 0
        var ran = 0
        var missed = 0
        var links = 0
        for entry in entries {
            switch entry.event {
            case .pushAnswered(_, let reply): pushes[reply.status, default: 0] += 1
            case .commandAnswered(_, let reply): commands[reply.status, default: 0] += 1
            case .handled: handled += 1
            case .began: ran += 1
            case .missed: missed += 1
            case .note(let text) where text.contains(" is connected to "): links += 1
            default: break
            }
        }
        func list(_ counts: [Int: Int]) -> String {
            counts.sorted { $0.key < $1.key }.map { "\($0.value) x \($0.key)" }.joined(separator: ", ")
        }
        return """
            pushes answered \(list(pushes)) and \(handled) times handled; commands answered \(list(commands)) and \(ran) run; \
            \(links) connections, \(missed) holes told
            """
    }
}
