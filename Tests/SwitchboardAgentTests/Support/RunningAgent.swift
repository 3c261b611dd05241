import Logging
import NIOCore
import SwitchboardProtocol

@testable import SwitchboardAgent

/// An agent that runs against a fake node, with all jitter set to 0 unless told otherwise.
struct RunningAgent: Sendable {
    let agent: Agent
    let events: Inbox<AgentEvent>
    let pushes: Inbox<ServerFrame.Push>
    let run: Task<Void, any Error>

    init(
        _ url: String, random: Double = 0, configure: (inout AgentConfiguration) -> Void = { _ in },
        handlers change: (inout AgentHandlers) -> Void = { _ in }
    ) {
        let (events, pushes) = (Inbox<AgentEvent>(), Inbox<ServerFrame.Push>())
        var configuration = AgentConfiguration(url: url, client: ClientID(rawValue: "kiosk-7"))
        configuration.closeTimeout = 10
        configure(&configuration)
        var handlers = AgentHandlers(onPush: { pushes.put($0) }, onEvent: { events.put($0) })
        change(&handlers)
        let agent = Agent(
            configuration: configuration, handlers: handlers, logger: Logger(label: "test"), random: { random })
        (self.agent, self.events, self.pushes) = (agent, events, pushes)
        run = Task { try await agent.run() }
    }

    /// Runs a test's body, and stops the agent behind it.
    static func with(
        _ node: FakeNode, random: Double = 0, configure: (inout AgentConfiguration) -> Void = { _ in },
        handlers: (inout AgentHandlers) -> Void = { _ in }, body: (RunningAgent) async throws -> Void
    ) async throws {
        let running = RunningAgent(node.url, random: random, configure: configure, handlers: handlers)
        do { try await body(running) } catch {
            running.run.cancel()
            throw error
        }
        running.run.cancel()
        try await node.stop()
        _ = await running.run.result
    }

    /// The next event that says that a link, or an attempt, has ended: code, reason and delay.
    func nextEnd() async throws -> (code: UInt16?, reason: String, retryIn: Double?) {
        while true {
            switch try await events.next() {
            case .disconnected(let code, let reason, let retryIn): return (code.rawValue, reason, retryIn)
            case .attemptFailed(let reason, let retryIn): return (nil, reason, retryIn)
            case .connected, .goaway, .refused, .missed: continue
            }
        }
    }

    /// When the open link last saw bytes; nil without one.
    var lastTraffic: NIODeadline? {
        get async {
            if case .online(let link) = await agent.state.phase { link.lastTraffic } else { nil }
        }
    }

    func connected() async throws {
        while true {
            if case .connected = try await events.next() { return }
        }
    }
}

extension Payload {
    static func json(_ text: String) -> Payload { Payload(format: .json, bytes: .init(string: text)) }
}
