public import NIOCore

/// What a worker asks for.
public struct WebhookTerms: Hashable, Sendable {
    /// Names the claim; never the same twice.
    public var token: String
    /// Milliseconds after which others may take what this worker has not settled.
    public var lease: Int
    /// The most events ...
    public var events: Int
    /// ... and bytes of their documents; the first event may have more.
    public var bytes: Int
    /// The most requests that may be under way at once, of all workers together.
    public var requests: Int
    /// Milliseconds after which, while nothing can be delivered, events are given up.
    public var patience: Int

    public init(token: String, lease: Int, events: Int, bytes: Int, requests: Int, patience: Int) {
        self.token = token
        self.lease = lease
        self.events = events
        self.bytes = bytes
        self.requests = requests
        self.patience = patience
    }
}

/// The events of one request, in their order; none when nothing is due, or not now.
public struct WebhookClaim: Hashable, Sendable {
    public var token: String
    public var events: [ClaimedWebhook]
    /// Unix milliseconds by the store's clock.
    public var now: UInt64
    /// Requests in a row that have failed before this one.
    public var failures: Int

    public init(token: String, events: [ClaimedWebhook], now: UInt64, failures: Int) {
        self.token = token
        self.events = events
        self.now = now
        self.failures = failures
    }
}

/// An event that was claimed.
public struct ClaimedWebhook: Hashable, Sendable {
    /// Its place in the queue; says when it was added.
    public var id: StreamOffset
    public var lane: Int
    public var document: ByteBuffer
    /// How often it was tried before ...
    public var attempts: Int
    /// ... and how often of these the backend took the request and refused it: then it may be this event's fault, and it is sent
    /// with fewer others, in the end alone.
    public var refusals: Int

    public init(id: StreamOffset, lane: Int, document: ByteBuffer, attempts: Int, refusals: Int) {
        self.id = id
        self.lane = lane
        self.document = document
        self.attempts = attempts
        self.refusals = refusals
    }

    /// The most events of a request that begins with one that was refused so often.
    public static func company(afterRefusals refusals: Int) -> Int {
        switch refusals {
        case ..<1: .max
        case 1: 10
        default: 1
        }
    }
}

/// What became of a claim.
public struct WebhookSettlement: Hashable, Sendable {
    public enum Outcome: Hashable, Sendable {
        case delivered
        /// To be tried again after so many milliseconds.
        case again(after: Int)
        case givenUp
    }

    public struct Entry: Hashable, Sendable {
        public var event: ClaimedWebhook
        public var outcome: Outcome

        public init(event: ClaimedWebhook, outcome: Outcome) {
            self.event = event
            self.outcome = outcome
        }
    }

    public var token: String
    public var entries: [Entry]
    /// Why the request failed, in a few words; nil when it succeeded.
    public var trouble: String?
    /// The backend took the request and refused it.
    public var isRefusal: Bool
    /// Milliseconds for which nothing is sent, whoever would.
    public var pause: Int
    /// When the events were claimed: Unix milliseconds by the store's clock. What happened later says more of the backend.
    public var claimedAt: UInt64
    /// Requests in a row that had failed then. Requests that were under way together fail as one.
    public var failures: Int

    public init(
        _ claim: WebhookClaim, entries: [Entry], trouble: String?, isRefusal: Bool = false, pause: Int = 0
    ) {
        token = claim.token
        self.entries = entries
        self.trouble = trouble
        self.isRefusal = isRefusal
        self.pause = pause
        claimedAt = claim.now
        failures = claim.failures
    }
}

/// How delivery is doing.
public struct WebhookStatus: Hashable, Sendable {
    /// Events that wait, those under way included ...
    public var waiting = 0
    /// ... and the bytes of their documents.
    public var bytes = 0
    /// When the oldest of them was added: Unix milliseconds.
    public var oldest: UInt64?
    /// Events that were given up and can be replayed.
    public var dead = 0
    public var deadBytes = 0
    /// Clients whose loss is told when they do not come back within the grace.
    public var losses = 0
    /// Clients that backends believe to be connected.
    public var live = 0
    /// Since the store began: events that were delivered ...
    public var delivered = 0
    /// ... refused since the queue was full ...
    public var refused = 0
    /// ... and forgotten since there were too many that had been given up.
    public var forgotten = 0
    /// Requests in a row that have failed.
    public var failures = 0
    /// Nothing is sent before: Unix milliseconds.
    public var pausedUntil: UInt64?
    /// The last failure of a request and when it was; kept when requests succeed again.
    public var trouble: String?
    public var troubleAt: UInt64?

    public init() {}
}

/// An event that was given up.
public struct DeadWebhook: Hashable, Sendable {
    /// Its place among those given up; says when that was.
    public var id: StreamOffset
    public var lane: Int
    /// When it was added to the queue: Unix milliseconds.
    public var addedAt: UInt64
    public var attempts: Int
    public var reason: String
    public var document: ByteBuffer

    public init(
        id: StreamOffset, lane: Int, addedAt: UInt64, attempts: Int, reason: String, document: ByteBuffer
    ) {
        self.id = id
        self.lane = lane
        self.addedAt = addedAt
        self.attempts = attempts
        self.reason = reason
        self.document = document
    }

    /// The most events and bytes of documents that are kept; beyond it the oldest are forgotten.
    public static let limits = WebhookLimits(events: 100_000, bytes: 128 << 20)
    /// The most bytes of a reason.
    public static let reasonLength = 200
}
