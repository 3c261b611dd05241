import NIOCore
public import SwitchboardProtocol

/// Names a roll-out; unless the backend names it, a ULID.
public struct RolloutID: Identifier {
    public let rawValue: String
    public init(unchecked rawValue: String) { self.rawValue = rawValue }

    /// The most characters, so that a client's place fits behind it in the id of its push or command.
    public static let longest = 100
}

/// What each client of a roll-out gets.
public enum RolloutWork: Hashable, Sendable {
    case push(Push)
    case command(Command)

    public struct Push: Hashable, Sendable {
        public var payload: Payload
        public var isDurable = false
        /// Seconds; nil for the configured default.
        public var timeToLive: Int?
        public var collapse: String?
        /// Seconds within which a durable push has to be acknowledged.
        public var wait: Double

        public init(payload: Payload, wait: Double) {
            self.payload = payload
            self.wait = wait
        }
    }

    public struct Command: Hashable, Sendable {
        public var name: String
        public var payload: Payload
        /// Seconds for the client's answer.
        public var timeout: Double

        public init(name: String, payload: Payload, timeout: Double) {
            self.name = name
            self.payload = payload
            self.timeout = timeout
        }
    }

    /// Seconds after which a client that was begun is decided, as far as its node can.
    public var patience: Double {
        switch self {
        case .push(let push): push.isDurable ? push.wait : 0
        case .command(let command): command.timeout
        }
    }
}

/// How far and how fast a roll-out may go.
public struct RolloutTerms: Hashable, Sendable {
    public var total: Int
    /// The clients that come first, at most all of them.
    public var canary: Int
    /// Clients begun in a minute.
    public var rate: Int
    /// The share of failures, 0...1, beyond which it is aborted ...
    public var share: Double
    /// ... once that many clients are decided.
    public var minimum: Int
    /// Seconds for which the canary is awaited, from the beginning of its last client.
    public var canaryWait: Double

    public init(total: Int, canary: Int, rate: Int, share: Double, minimum: Int, canaryWait: Double) {
        self.total = total
        self.canary = min(canary, total)
        self.rate = max(1, rate)
        self.share = share
        self.minimum = max(1, minimum)
        self.canaryWait = canaryWait
    }

    /// The most clients of one roll-out.
    public static let maximumClients = 100_000
    /// The most clients that are begun and not decided.
    public static let maximumUnderWay = 1000
}

/// What does not change in a roll-out.
public struct RolloutDefinition: Hashable, Sendable {
    public var id: RolloutID
    public var target: Target
    public var work: RolloutWork
    public var terms: RolloutTerms
    /// Unix milliseconds.
    public var createdAt: UInt64
    /// Who asked for it.
    public var author: String
    /// Tells a repetition of the request from another one of the same id.
    public var fingerprint: UInt64

    public init(
        id: RolloutID, target: Target, work: RolloutWork, terms: RolloutTerms, createdAt: UInt64, author: String,
        fingerprint: UInt64
    ) {
        self.id = id
        self.target = target
        self.work = work
        self.terms = terms
        self.createdAt = createdAt
        self.author = author
        self.fingerprint = fingerprint
    }

    /// Without what may be long: the target, which is all here, and the payload.
    public var listed: RolloutDefinition {
        var listed = self
        listed.target = .all
        let nothing = Payload(format: .text, bytes: ByteBuffer())
        switch work {
        case .push(var push):
            push.payload = nothing
            listed.work = .push(push)
        case .command(var command):
            command.payload = nothing
            listed.work = .command(command)
        }
        return listed
    }

    /// The id of the push or command to the client at a place of the order: the same whoever leads, so that what is sent again
    /// is done once.
    public func orderID(at index: Int) -> String { "\(id.rawValue):\(index)" }
}
