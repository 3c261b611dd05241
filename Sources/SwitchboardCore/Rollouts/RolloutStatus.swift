public import SwitchboardProtocol

/// What became of one client of a roll-out.
public struct RolloutOutcome: Hashable, Sendable {
    /// Why it failed: a stable code; nil when it did not.
    public var failure: String?
    /// The status that the client gave its command.
    public var status: Int?
    /// Unix milliseconds.
    public var at: UInt64

    public var isFailure: Bool { failure != nil }

    /// - Parameter failure: One word.
    public init(failure: String? = nil, status: Int? = nil, at: UInt64) {
        self.failure = failure
        self.status = status
        self.at = at
    }

    /// `AT STATUS FAILURE`, with `-` for what there is not.
    public var text: String { "\(at) \(status.map(String.init) ?? "-") \(failure ?? "-")" }

    /// - Returns: nil for what is no outcome.
    public init?(_ text: String) {
        let words = text.split(separator: " ")
        guard words.count == 3, let at = UInt64(words[0]) else { return nil }
        self.init(failure: words[2] == "-" ? nil : String(words[2]), status: Int(words[1]), at: at)
    }
}

/// How a roll-out ended.
public struct RolloutEnd: Hashable, Sendable {
    public enum Kind: String, Sendable { case aborted, done }
    public var kind: Kind
    /// For a person; nil when it is done.
    public var reason: String?
    /// Unix milliseconds.
    public var at: UInt64

    public init(_ kind: Kind, reason: String? = nil, at: UInt64) {
        self.kind = kind
        self.reason = reason
        self.at = at
    }
}

/// How far a roll-out is. Clients are begun in their order, so a number says which.
public struct RolloutProgress: Hashable, Sendable {
    public enum Phase: String, Sendable { case canary, running }
    public var phase = Phase.canary
    public var started = 0
    public var succeeded = 0
    public var failed = 0

    public init() {}

    public var decided: Int { succeeded + failed }
    /// Begun and not decided.
    public var underWay: Int { started - decided }
}

/// All that the store knows of a roll-out, but for its clients.
public struct RolloutStatus: Hashable, Sendable {
    public var definition: RolloutDefinition
    public var progress = RolloutProgress()
    /// It was paused, and not resumed.
    public var isHeld = false
    public var end: RolloutEnd?
    /// The node that leads it, or did so last.
    public var leader: NodeID?

    public init(definition: RolloutDefinition) { self.definition = definition }

    /// `canary`, `running`, `paused`, `aborted` or `done`.
    public var state: String { end?.kind.rawValue ?? (isHeld ? "paused" : progress.phase.rawValue) }

    /// Nothing will change any more.
    public var isFinished: Bool { end != nil && progress.underWay == 0 }
}

/// One client of a roll-out.
public struct RolloutClient: Hashable, Sendable {
    /// Its place in the order.
    public var index: Int
    public var client: ClientID
    /// nil while it is not decided.
    public var outcome: RolloutOutcome?

    public init(index: Int, client: ClientID, outcome: RolloutOutcome?) {
        self.index = index
        self.client = client
        self.outcome = outcome
    }
}
