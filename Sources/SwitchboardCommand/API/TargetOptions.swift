import ArgumentParser
import SwitchboardProtocol

/// Who is meant: the options of all commands that reach many clients at once.
struct TargetOptions: ParsableArguments {
    @Option(help: "A client's id; may be given several times.")
    var to: [ClientID] = []

    @Option(help: "A group's name.")
    var group: GroupName?

    @Option(help: "NAME=VALUE; with several all must match.")
    var label: [LabelArgument] = []

    @Flag(help: "Everyone who is connected.")
    var all = false

    func validate() throws {
        guard [!to.isEmpty, group != nil, !label.isEmpty, all].count(where: { $0 }) == 1 else {
            throw ValidationError("Give exactly one of --to, --group, --label and --all.")
        }
    }

    /// A client by itself is one of ``Target/clients(_:)``, too.
    var target: Target {
        if let group { return .group(group) }
        if !label.isEmpty { return .labels(label.dictionary) }
        return to.isEmpty ? .all : .clients(to)
    }
}
