/// When to ask which replicas have what was written, and whom the answer concerns. One `WAIT` is under way at a time, because it
/// holds up its connection; since replies come in order it covers every write that was answered before it. A struct without
/// I/O.
struct ReplicationRounds<Command> {
    private var answered: [Command] = []
    /// Written, and not settled yet.
    private var unsettled = 0
    private var isWaiting = false

    init() {}

    /// A command is about to be sent.
    ///
    /// - Returns: true when a `WAIT` is to be sent behind it.
    mutating func sending() -> Bool {
        unsettled += 1
        defer { isWaiting = true }
        return !isWaiting
    }

    /// A command was answered, and waits for the replicas from here on.
    mutating func answered(_ command: Command) { answered.append(command) }

    /// A command was not sent, or has failed: no replica can have it.
    mutating func failed() { unsettled -= 1 }

    /// The `WAIT` was answered.
    ///
    /// - Returns: The commands that it covers, in their order, and whether another one is to be sent.
    mutating func waited() -> (covered: [Command], goesOn: Bool) {
        defer { answered = [] }
        unsettled -= answered.count
        isWaiting = unsettled > 0
        return (answered, isWaiting)
    }
}
