import FoundationEssentials
import NIOCore
import SwitchboardAgent
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// Publishes the lines of a file to a group, in batches: a stream that people read live, so what cannot be sent in time is left
/// out rather than sent late.
final class StreamWork: Sendable {
    /// The longest line in bytes; the rest of a longer one is left out.
    private static let lineLimit = 4 << 10
    /// Payloads that may be under way.
    private static let window = 8

    private typealias Taken = (payload: Payload, lines: Int, skipped: Int)

    private struct State {
        var batcher = LineBatcher()
        /// Bytes that may be kept: less than nodes take, so that they refuse nothing. What is beyond is only shown.
        var kept = TokenBucket(
            rate: ClientFrame.keptBytesASecond * 3 / 4, burst: ClientFrame.keptBytesAtOnce * 3 / 4,
            now: NIODeadline.now().uptimeNanoseconds)
        var underWay = 0
        var trouble: String?
    }

    private let agent: Agent
    private let group: GroupName
    private let path: String
    private let isDurable: Bool
    private let source: @Sendable () async -> String
    private let state = Mutex(State())

    /// - Parameters:
    ///   - isDurable: Whether the group's history keeps the lines.
    ///   - source: The client's id; empty until it is known.
    init(
        agent: Agent, path: String, group: GroupName, isDurable: Bool, source: @escaping @Sendable () async -> String
    ) {
        self.agent = agent
        self.path = path
        self.group = group
        self.isDurable = isDurable
        self.source = source
    }

    /// Until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.read() }
            group.addTask { await self.send() }
        }
    }

    private func read() async {
        do {
            try await FileFollower(path: path, interval: .milliseconds(100), lineLimit: Self.lineLimit, cutsLines: true)
                .run { line in
                    let now = UInt64(max(0, Date().timeIntervalSince1970 * 1000))
                    self.state.withLock { $0.batcher.add(line, at: now) }
                }
        } catch is CancellationError {
            return
        } catch {
            Output.note("switchboard: \(path): \(error)")
        }
    }

    private func send() async {
        while !Task.isCancelled {
            let source = await source()
            var hasSent = false
            if !source.isEmpty { hasSent = await sendNext(source) }
            guard !hasSent else { continue }
            guard (try? await Task.sleep(for: .milliseconds(50))) != nil else { return }
        }
    }

    /// - Returns: Whether something was sent.
    private func sendNext(_ source: String) async -> Bool {
        let now = NIODeadline.now().uptimeNanoseconds
        let taken = state.withLock { state -> (next: Taken, isKept: Bool)? in
            guard state.underWay < Self.window,
                let next = state.batcher.take(now: now / 1_000_000, source: source)
            else { return nil }
            state.underWay += 1
            return (next, isDurable && state.kept.take(next.payload.bytes.readableBytes, now: now))
        }
        guard let (next, isKept) = taken else { return false }
        let lines = next.lines + next.skipped
        do {
            try await agent.post(next.payload, to: group, durable: isKept) { self.done($0, lines: lines) }
        } catch AgentError.outboxFull {
            // Of other streams, or messages: that is no reason to leave anything out yet.
            state.withLock { state in
                state.underWay -= 1
                state.batcher.putBack()
            }
            return false
        } catch {
            done(.failure(error), lines: lines)
        }
        return true
    }

    private func done(_ result: Result<Void, any Error>, lines: Int) {
        let news: String? = state.withLock { state in
            state.underWay -= 1
            guard case .failure(let error) = result else {
                state.trouble = nil
                return nil
            }
            state.batcher.lost(lines)
            let text = "\(error)"
            defer { state.trouble = text }
            return state.trouble == text ? nil : text
        }
        if let news { Output.note("switchboard: lines of \(path) were not published to \(group): \(news)") }
    }
}
