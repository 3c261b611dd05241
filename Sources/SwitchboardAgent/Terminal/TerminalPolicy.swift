import FoundationEssentials

/// Which terminals an agent lets operators have on its machine. They run as the agent's user, for whomever the nodes let through.
public struct TerminalPolicy: Hashable, Sendable {
    /// The programs that may run, each a path with its arguments, separated by spaces; the first is taken when an operator names
    /// none. Empty (the default): only the user's shell, `$SHELL` or `/bin/sh`.
    public var commands: [String]
    /// Seconds that a terminal without viewers and input lives. Default 900.
    public var idleTimeout: Double
    /// A folder that gets a recording of each terminal's output (asciicast v2, readable by the agent's user only); without the
    /// recording there is no terminal. nil (the default): none is recorded.
    public var recordings: String?

    public init(commands: [String] = [], idleTimeout: Double = 900, recordings: String? = nil) {
        self.commands = commands
        self.idleTimeout = idleTimeout
        self.recordings = recordings
    }

    /// The most terminals of one agent.
    static let maximumTerminals = 8
    /// The most viewers of one terminal.
    static let maximumViewers = 8

    /// What shall be run for what an operator asks for: a program and its arguments; nil when it is not allowed.
    func program(for command: String?, environment: [String: String]) -> [String]? {
        let allowed =
            commands.isEmpty ? [environment["SHELL"].flatMap { $0.isEmpty ? nil : $0 } ?? "/bin/sh"] : commands
        let known = allowed.map(Self.words).filter { !$0.isEmpty }
        guard let command else { return known.first }
        let asked = Self.words(command)
        return known.first { $0 == asked }
    }

    private static func words(_ command: String) -> [String] {
        command.split(separator: " ").map(String.init)
    }
}
