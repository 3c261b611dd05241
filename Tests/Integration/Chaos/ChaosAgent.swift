import Foundation
import Logging
import NIOCore
import SwitchboardProtocol
import Synchronization

@testable import SwitchboardAgent

/// One agent with the real SDK, which tells the journal what it does.
final class ChaosAgent: Sendable {
    /// What an agent does wrong on purpose.
    enum Fault: Hashable, Sendable {
        /// It lets a push be acknowledged without having done anything.
        case skips
        /// After a restart it knows nothing of what it has handled.
        case forgets
        /// What it has done for a command is not what it says.
        case lies
        /// It runs a command twice.
        case repeats
    }

    let name: String
    let groups: [String]
    let stateFile: String?
    private let url: String
    private let fault: Fault?
    private let journal: ChaosJournal
    private let life = Mutex<(agent: Agent, task: Task<Void, Never>)?>(nil)
    private let link = Mutex(false)
    private let isRestarting = Mutex(false)

    init(
        _ name: String, url: String, groups: [String], stateFile: String? = nil, fault: Fault? = nil,
        journal: ChaosJournal
    ) {
        self.name = name
        self.url = url
        self.groups = groups
        self.stateFile = stateFile
        self.fault = fault
        self.journal = journal
        journal.note(.member(client: name, channels: groups.map { "group:" + $0 } + ["all"]))
    }

    var isConnected: Bool { link.withLock { $0 } }

    func start() {
        var configuration = AgentConfiguration(
            url: url, client: ClientID(rawValue: name), groups: groups.compactMap(GroupName.init(rawValue:)))
        configuration.stateFile = stateFile
        // Quicker than in the field, so that a run of seconds sees many reconnects.
        configuration.connectTimeout = 3
        configuration.helloTimeout = 3
        let agent = Agent(
            configuration: configuration, handlers: handlers, eventLoop: nil, logger: Logger(label: "chaos")
        ) { Double.random(in: 0..<0.2) }
        let task = Task { [name, journal] in
            do { try await agent.run() } catch { journal.note(.agentGaveUp(client: name, why: "\(error)")) }
        }
        life.withLock { $0 = (agent, task) }
    }

    /// Ends it in order.
    func stop() async {
        guard let (agent, task) = life.withLock({ $0 }) else { return }
        await agent.stop()
        await task.value
        link.withLock { $0 = false }
    }

    /// Nothing when it is being restarted already.
    func restart() async {
        let isFirst = isRestarting.withLock { isRestarting in
            defer { isRestarting = true }
            return !isRestarting
        }
        guard isFirst else { return }
        journal.note("\(name) is restarted")
        await stop()
        start()
        isRestarting.withLock { $0 = false }
    }

    // MARK: What it does

    private var handlers: AgentHandlers {
        AgentHandlers(
            onPush: { [self] in await handle($0) },
            onCommand: { [self] in try await run($0) },
            onEvent: { [self] in see($0) })
    }

    private func handle(_ push: ServerFrame.Push) async {
        // Some take their time, so that pushes wait for the handler when connections end.
        if Int.random(in: 0..<20) == 0 { try? await Task.sleep(for: .milliseconds(Int.random(in: 1...60))) }
        let payload = String(buffer: push.payload.bytes)
        if fault == .skips, payload.hasSuffix("3}") { return }
        journal.note(.handled(client: name, push: push.id, channel: push.channel, payload: payload))
    }

    private func run(_ command: CommandRequest) async throws -> CommandResult {
        journal.note(.began(client: name, command: command.id))
        if fault == .repeats { journal.note(.began(client: name, command: command.id)) }
        guard command.name != "fail" else {
            journal.note(.ended(client: name, command: command.id, CommandEnd(status: 500)))
            throw Failure()
        }
        do {
            if command.name == "slow" { try await Task.sleep(for: .milliseconds(Int.random(in: 1...1500))) }
        } catch {
            journal.note(.ended(client: name, command: command.id, CommandEnd(status: 499)))
            throw error
        }
        let run = UUID().uuidString
        journal.note(.ended(client: name, command: command.id, CommandEnd(status: 200, run: run)))
        let told = fault == .lies ? "something else" : run
        return CommandResult(payload: Payload(format: .json, bytes: ByteBuffer(string: #"{"run":"\#(told)"}"#)))
    }

    private struct Failure: Error {}

    private func see(_ event: AgentEvent) {
        switch event {
        case .connected(let hello):
            link.withLock { $0 = true }
            journal.note("\(name) is connected to \(hello.node)")
        case .disconnected(let code, let reason, let retryIn):
            link.withLock { $0 = false }
            journal.note("\(name) is disconnected: \(code.rawValue) \(reason), retry in \(retryIn ?? -1)")
        case .missed(let channel): journal.note(.missed(client: name, channel: channel))
        case .attemptFailed(let reason, let retryIn):
            journal.note("\(name) is not connected: \(reason), retry in \(retryIn ?? -1)")
        case .goaway(let reason, _): journal.note("\(name) is told to go: \(reason)")
        case .refused(let code, let message): journal.note("\(name) is refused something: \(code) \(message)")
        }
    }
}
