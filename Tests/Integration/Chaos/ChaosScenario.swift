/// What happens to the cluster in one run: drawn from a seed, so that it can be seen again.
struct ChaosScenario: Sendable {
    enum Step: Hashable, Sendable {
        /// `kill -9`, and a start so many seconds later.
        case kill(node: Int, downFor: Double)
        /// `SIGSTOP`, and `SIGCONT` so many seconds later.
        case freeze(node: Int, for: Double)
        /// Redis ends, orderly or by `kill -9`, and is started so many seconds later.
        case restartRedis(orderly: Bool, downFor: Double)
        /// nginx starts new workers; the old ones end with their connections, or when their time is up.
        case reloadProxy
        /// This share of the agents' connections ends.
        case cut(share: Double, Relay.Manner)
        /// An agent that keeps its state in a file is stopped and started again.
        case restartAgent
    }

    struct Event: Hashable, Sendable {
        /// Seconds since the beginning.
        let at: Double
        let step: Step
    }

    /// Seconds for which a frozen node is frozen: longer than its lease.
    static let frozenFor = 20.0
    /// Seconds for which an old nginx worker keeps its connections at most, by the project's configuration.
    private static let oldWorkers = 30.0

    let seed: UInt64
    /// Seconds from the beginning to the last step at most.
    let length: Double
    /// Seconds from the beginning until everything is left in peace.
    var peaceAt: Double {
        let reloads = events.filter { $0.step == .reloadProxy }
        return max(length, (reloads.map(\.at).max() ?? 0) + Self.oldWorkers + 1)
    }
    /// In the order of time.
    let events: [Event]

    init(seed: UInt64, nodes: Int, length: Double = 34) {
        self.seed = seed
        self.length = length
        var random = SeededRandom(seed: seed)
        var events: [Event] = []
        let frozen = Int.random(in: 0..<nodes, using: &random)
        let frozenAt = Double.random(in: 1...length - Self.frozenFor - 3, using: &random)
        events.append(Event(at: frozenAt, step: .freeze(node: frozen, for: Self.frozenFor)))
        let redisAt = Double.random(in: 3...length - 8, using: &random)
        events.append(
            Event(
                at: redisAt,
                step: .restartRedis(
                    orderly: Bool.random(using: &random), downFor: Double.random(in: 0.2...3, using: &random))))
        events += Self.kills(nodes: nodes, length: length, frozen: (frozen, frozenAt), &random)
        // Early, so that the old workers do not end their connections long after everything else is over.
        for _ in 0..<2 {
            events.append(Event(at: .random(in: 0...length - Self.oldWorkers + 2, using: &random), step: .reloadProxy))
        }
        for _ in 0..<Int(length / 3) {
            let share = Double.random(in: 0.02...0.3, using: &random)
            let manner = Relay.Manner.allCases.randomElement(using: &random) ?? .cut
            events.append(Event(at: .random(in: 0...length, using: &random), step: .cut(share: share, manner)))
        }
        for _ in 0..<Int(length / 2) {
            events.append(Event(at: .random(in: 0...length, using: &random), step: .restartAgent))
        }
        self.events = events.sorted { $0.at < $1.at }
    }

    /// One node after the other; the frozen one is left alone, since it is to be frozen for its whole time.
    private static func kills(
        nodes: Int, length: Double, frozen: (node: Int, at: Double), _ random: inout SeededRandom
    ) -> [Event] {
        var kills: [Event] = []
        var at = Double.random(in: 1...6, using: &random)
        while at < length - 4 {
            let downFor = Double.random(in: 0.3...5, using: &random)
            let isFrozen = at + downFor > frozen.at && at < frozen.at + frozenFor
            let candidates = (0..<nodes).filter { !isFrozen || $0 != frozen.node }
            if let node = candidates.randomElement(using: &random) {
                kills.append(Event(at: at, step: .kill(node: node, downFor: downFor)))
            }
            at += downFor + Double.random(in: 2...8, using: &random)
        }
        return kills
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers from the same seed everywhere.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
