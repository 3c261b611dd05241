import Logging
import SwitchboardAgent
import SwitchboardProtocol
import Synchronization

/// Agents with the real SDK that do what a roll-out tells them, or fail, and count how often they were told.
final class WorkingAgents: Sendable {
    private struct State {
        var connected: Set<String> = []
        var runs: [String: Int] = [:]
    }

    let names: [String]
    private let state = Mutex(State())
    private let running = Mutex<[(agent: Agent, task: Task<Void, any Error>)]>([])

    /// - Parameters:
    ///   - group: They join it.
    ///   - work: What one of them does with a command; throwing is failing.
    init(
        _ count: Int, port: Int, group: String,
        work: @escaping @Sendable (_ number: Int) async throws -> Void
    ) {
        // Their order is that of their numbers.
        names = (0..<count).map { "till-\(1000 + $0)" }
        for (number, name) in names.enumerated() {
            var configuration = AgentConfiguration(url: "ws://127.0.0.1:\(port)", client: ClientID(rawValue: name))
            configuration.healthInterval = 0
            configuration.groups = [GroupName(unchecked: group)]
            let agent = Agent(
                configuration: configuration,
                handlers: AgentHandlers(
                    onCommand: { [self] _ in
                        state.withLock { $0.runs[name, default: 0] += 1 }
                        try await work(number)
                        return CommandResult()
                    },
                    onEvent: { [self] in see($0, name) }),
                logger: Logger(label: "working") { _ in SwiftLogNoOpLogHandler() })
            let task = Task { try await agent.run() }
            running.withLock { $0.append((agent, task)) }
        }
    }

    var connected: Int { state.withLock { $0.connected.count } }
    /// How often each was told to work; those that never were are missing.
    var runs: [String: Int] { state.withLock { $0.runs } }

    func stop() async {
        let all = running.withLock { $0 }
        await withTaskGroup { group in
            for (agent, task) in all {
                group.addTask {
                    await agent.stop()
                    try? await task.value
                }
            }
        }
    }

    private func see(_ event: AgentEvent, _ name: String) {
        switch event {
        case .connected: _ = state.withLock { $0.connected.insert(name) }
        case .disconnected: _ = state.withLock { $0.connected.remove(name) }
        default: break
        }
    }
}
