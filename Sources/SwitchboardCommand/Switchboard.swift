public import ArgumentParser
import SwitchboardServer

/// The command `switchboard`: a node, an agent, and what a person asks a cluster at a terminal.
@main
public struct Switchboard: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "switchboard",
        abstract: "A clustered WebSocket push service.",
        version: SwitchboardVersion.current,
        subcommands: [
            Serve.self, AgentCommand.self, Push.self, Broadcast.self, Command.self, Clients.self, ShowClient.self,
            Mailbox.self, Close.self, Groups.self, Nodes.self, Drain.self, Closes.self, Tail.self,
            TerminalCommand.self, Rollout.self, Alerts.self, Webhooks.self, Stats.self, DoctorCommand.self,
            KeyCommand.self, TokenCommand.self, SigningKey.self,
        ]
    )

    public init() {}
}
