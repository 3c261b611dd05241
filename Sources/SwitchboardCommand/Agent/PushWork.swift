import ArgumentParser
import NIOCore
import SwitchboardAgent
import SwitchboardProtocol

/// What the command does with each push: prints it, and runs the program.
actor PushWork {
    private let runner: ProgramRunner?
    private let format: PushLine.Format
    private let prints: Bool
    private(set) var client = ""
    private var agent: Agent?
    private var failure: ExitCode?

    init(program: String?, format: PushLine.Format, prints: Bool) {
        runner = program.map { ProgramRunner(program: $0) }
        self.format = format
        self.prints = prints
    }

    func set(_ agent: Agent) {
        self.agent = agent
    }

    /// The node may have given the client's name.
    func note(_ event: AgentEvent) {
        if case .connected(let hello) = event { client = hello.client.rawValue }
    }

    func handle(_ push: ServerFrame.Push) async {
        if prints, failure == nil {
            do throws(ExitCode) { try Output.write(PushLine.text(push, format)) } catch {
                failure = error
                await agent?.stop()
            }
        }
        if let runner { await run(runner, push) }
    }

    private func run(_ runner: ProgramRunner, _ push: ServerFrame.Push) async {
        var environment = [
            "SWITCHBOARD_PUSH_ID": push.id, "SWITCHBOARD_CHANNEL": push.channel, "SWITCHBOARD_CLIENT_ID": client,
        ]
        if let from = push.from { environment["SWITCHBOARD_FROM"] = from.rawValue }
        do {
            let exit = try await runner.run(input: push.payload.plain, environment: environment)
            if exit != .status(0) { Output.note("switchboard: \(runner.program): \(exit) for push \(push.id)") }
        } catch {
            Output.note("switchboard: \(error)")
        }
    }

    /// - Throws: `ExitCode` when nobody reads our output any more.
    func rethrow() throws {
        if let failure { throw failure }
    }
}
