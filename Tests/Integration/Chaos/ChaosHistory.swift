/// What a chaos run saw, in the order in which it happened: all that ``ChaosChecker`` judges by.
struct ChaosHistory: Sendable {
    struct Entry: Sendable {
        /// Seconds since the run began.
        let at: Double
        let event: ChaosEvent
    }

    private(set) var entries: [Entry] = []

    mutating func add(_ event: ChaosEvent, at: Double) { entries.append(Entry(at: at, event: event)) }
}

/// One thing that happened in a chaos run.
enum ChaosEvent: Hashable, Sendable {
    /// An agent takes part; besides its own pushes it is to get those of these channels.
    case member(client: String, channels: [String])
    /// A backend begins an attempt to send a durable push.
    case pushSent(id: String, to: ChaosTarget, payload: String, waits: Bool)
    /// An attempt has come to its end.
    case pushAnswered(id: String, PushReply)
    /// A backend begins an attempt to have a command run; the times are in seconds.
    case commandSent(id: String, client: String, timeout: Double, connectTimeout: Double)
    case commandAnswered(id: String, CommandReply)

    /// An agent has done what a push is about.
    case handled(client: String, push: String, channel: String, payload: String)
    /// An agent was told that pushes of a channel are gone.
    case missed(client: String, channel: String)
    case began(client: String, command: String)
    case ended(client: String, command: String, CommandEnd)
    /// An agent has given up, which none may here.
    case agentGaveUp(client: String, why: String)

    /// All nodes are well and everybody is connected again: from here on nothing may fail.
    case healed
    /// How many pushes are left in a mailbox at the end.
    case mailbox(client: String, count: Int)
    /// For who reads the history: what the scenario did, where an agent is connected.
    case note(String)
}

enum ChaosTarget: Hashable, Sendable {
    case client(String)
    /// `all` or `group:NAME`.
    case channel(String)

    /// The channel under which agents get it.
    var channel: String {
        switch self {
        case .client: "client"
        case .channel(let name): name
        }
    }
}

/// How a request was answered: a status, the code of a problem, and what the answer claims.
struct PushReply: Hashable, Sendable {
    /// 0 when there was no whole answer in time.
    var status: Int
    var code: String?
    var answer: PushAnswer?

    /// It says that the push is kept or delivered.
    var isSuccess: Bool { status == 200 || status == 202 }
}

struct CommandReply: Hashable, Sendable {
    /// 0 when there was no whole answer in time.
    var status: Int
    var code: String?
    /// With 200: what the client is said to have answered.
    var result: CommandEnd?

    /// It says what the client did, or that it did nothing, rather than that something is in trouble.
    var tellsOfClient: Bool { status == 200 || code == "client_offline" || code == "no_result" }
}

/// What a command came to on the client.
struct CommandEnd: Hashable, Sendable {
    /// As in the result: 200 when the handler returned.
    var status: Int
    /// What no other run of a handler has given; nil when it gave nothing.
    var run: String?
}
