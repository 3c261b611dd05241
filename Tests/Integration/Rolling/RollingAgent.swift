import Logging
import SwitchboardAgent
import SwitchboardProtocol
import Synchronization

/// One agent with the real SDK that remembers what it got, and when it was away.
final class RollingAgent: Sendable {
    /// Between two connections.
    struct Gap: Sendable {
        let from: ContinuousClock.Instant
        var to: ContinuousClock.Instant?
        /// Why it was closed.
        let code: UInt16

        func overlaps(_ first: ContinuousClock.Instant, _ last: ContinuousClock.Instant) -> Bool {
            from <= last && first <= (to ?? .now)
        }
    }

    private struct State {
        var isConnected = false
        var pushes: Set<String> = []
        var repeated = 0
        var gaps: [Gap] = []
        var attemptsFailed = 0
    }

    let name: String
    private let state = Mutex(State())
    private let running = Mutex<(agent: Agent, task: Task<Void, any Error>)?>(nil)

    init(_ name: String) { self.name = name }

    var isConnected: Bool { state.withLock { $0.isConnected } }
    var gaps: [Gap] { state.withLock { $0.gaps } }
    var repeated: Int { state.withLock { $0.repeated } }
    var attemptsFailed: Int { state.withLock { $0.attemptsFailed } }

    func has(_ push: String) -> Bool { state.withLock { $0.pushes.contains(push) } }

    func start(port: Int) {
        var configuration = AgentConfiguration(url: "ws://127.0.0.1:\(port)", client: ClientID(rawValue: name))
        configuration.healthInterval = 0
        let agent = Agent(
            configuration: configuration,
            handlers: AgentHandlers(
                onPush: { [self] push in
                    state.withLock { state in if !state.pushes.insert(push.id).inserted { state.repeated += 1 } }
                },
                onEvent: { [self] in see($0) }),
            logger: Logger(label: "rolling") { _ in SwiftLogNoOpLogHandler() })
        let task = Task { try await agent.run() }
        running.withLock { $0 = (agent, task) }
    }

    /// - Throws: what has ended it before.
    func stop() async throws {
        guard let (agent, task) = running.withLock({ $0 }) else { return }
        await agent.stop()
        try await task.value
    }

    private func see(_ event: AgentEvent) {
        state.withLock { state in
            switch event {
            case .connected:
                state.isConnected = true
                if let last = state.gaps.indices.last { state.gaps[last].to = .now }
            case .disconnected(let code, _, _):
                state.isConnected = false
                state.gaps.append(Gap(from: .now, code: code.rawValue))
            case .attemptFailed: state.attemptsFailed += 1
            case .goaway, .missed, .refused: break
            }
        }
    }
}
