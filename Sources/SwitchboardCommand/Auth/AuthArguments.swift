public import ArgumentParser
public import SwitchboardServer

extension KeyName: ExpressibleByArgument {}
extension TokenAlgorithm: ExpressibleByArgument {}

extension GroupPattern: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

extension Scopes: ExpressibleByArgument {
    public init?(argument: String) { self.init(names: argument.split(separator: ",")) }
}

/// A time on the command line, as settings have it: `90`, `90s`, `15m`, `24h`, `90d`.
struct TimeArgument: ExpressibleByArgument {
    /// At least one.
    let seconds: Int

    init(seconds: Int) { self.seconds = seconds }

    init?(argument: String) {
        guard let seconds = DurationText.parse(argument), (1...Self.longest).contains(seconds) else { return nil }
        self.seconds = Int(seconds)
    }

    /// A century.
    private static let longest = 3_155_760_000.0
}
