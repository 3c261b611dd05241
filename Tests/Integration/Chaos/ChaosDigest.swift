/// A history sorted by what it is about. Times are places in the history, so nothing happens at the same time.
struct ChaosDigest {
    typealias Place = Int

    struct Reply<Value> {
        let sent: Place
        let answered: Place
        /// Seconds from the one to the other.
        let seconds: Double
        let value: Value
    }

    struct Push {
        let target: ChaosTarget
        let payload: String
        let waits: Bool
        let sent: Place
        var lastSent: Place
        var replies: [Reply<PushReply>] = []

        /// When the backend was first told that it is kept.
        var accepted: Place? { replies.first { $0.value.isSuccess }?.answered }
    }

    struct Handling {
        let at: Place
        let push: String
        let channel: String
        let payload: String
    }

    struct Command {
        let client: String
        let timeout: Double
        let connectTimeout: Double
        let sent: Place
        var lastSent: Place
        var replies: [Reply<CommandReply>] = []
        var began: [(client: String, at: Place)] = []
        var ended: [(end: CommandEnd, at: Place)] = []
    }

    struct Client {
        var channels: [String] = []
        var handled: [Handling] = []
        /// By channel: when it was last told that pushes are gone.
        var missed: [String: Place] = [:]
        var mailbox: Int?
        var reasonForGivingUp: String?
    }

    private(set) var pushes: [String: Push] = [:]
    private(set) var commands: [String: Command] = [:]
    private(set) var clients: [String: Client] = [:]
    private(set) var healed: Place?
    /// What cannot have happened: a fault of the test rather than of what is tested.
    private(set) var absurdities: [String] = []

    init(_ history: ChaosHistory) {
        for place in history.entries.indices { add(place, history.entries) }
        for (id, push) in pushes where push.replies.isEmpty { absurdities.append("the push \(id) has no answer") }
        for (id, command) in commands where command.replies.isEmpty {
            absurdities.append("the command \(id) has no answer")
        }
        if healed == nil { absurdities.append("it never became well again") }
    }

    private mutating func add(_ place: Place, _ entries: [ChaosHistory.Entry]) {
        switch entries[place].event {
        case .member(let client, let channels): clients[client, default: Client()].channels = channels
        case .pushSent(let id, let target, let payload, let waits):
            pushes[id, default: Push(target: target, payload: payload, waits: waits, sent: place, lastSent: place)]
                .lastSent = place
        case .pushAnswered(let id, let reply):
            guard let sent = pushes[id]?.lastSent else { return absurdities.append("an answer to nothing: \(id)") }
            pushes[id]?.replies.append(Reply(from: sent, to: place, entries, reply))
        case .commandSent(let id, let client, let timeout, let connectTimeout):
            let command = Command(
                client: client, timeout: timeout, connectTimeout: connectTimeout, sent: place, lastSent: place)
            commands[id, default: command].lastSent = place
        case .commandAnswered(let id, let reply):
            guard let sent = commands[id]?.lastSent else { return absurdities.append("an answer to nothing: \(id)") }
            commands[id]?.replies.append(Reply(from: sent, to: place, entries, reply))
        case .handled(let client, let push, let channel, let payload):
            clients[client, default: Client()].handled.append(
                Handling(at: place, push: push, channel: channel, payload: payload))
        case .missed(let client, let channel): clients[client, default: Client()].missed[channel] = place
        case .began(let client, let command):
            guard commands[command] != nil else { return absurdities.append("nobody sent the command \(command)") }
            commands[command]?.began.append((client, place))
        case .ended(_, let command, let end): commands[command]?.ended.append((end, place))
        case .agentGaveUp(let client, let why): clients[client, default: Client()].reasonForGivingUp = why
        case .healed: healed = place
        case .mailbox(let client, let count): clients[client, default: Client()].mailbox = count
        case .note: break
        }
    }

    /// Who is to get a push.
    func receivers(of target: ChaosTarget) -> [String] {
        switch target {
        case .client(let client): [client]
        case .channel(let channel): clients.filter { $0.value.channels.contains(channel) }.map(\.key)
        }
    }

    func isHealed(at place: Place) -> Bool { healed.map { place > $0 } ?? false }
}

extension ChaosDigest.Reply {
    fileprivate init(from sent: Int, to answered: Int, _ entries: [ChaosHistory.Entry], _ value: Value) {
        self.init(sent: sent, answered: answered, seconds: entries[answered].at - entries[sent].at, value: value)
    }
}
