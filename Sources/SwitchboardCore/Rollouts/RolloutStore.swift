public import SwitchboardProtocol

/// Roll-outs: what each is, how far it is, and which node leads it.
///
/// The lead is a lease with a term that rises with every claim. What a leader writes names its term and is refused when there is
/// a newer one, in the same step: so of two nodes that think that they lead only one begins clients.
public protocol RolloutStore: AnyObject, Sendable {
    /// Makes a roll-out known, whole or not at all.
    ///
    /// - Parameter clients: In the order in which they are begun; as many as the definition says.
    /// - Throws: ``BusError``, as all calls here.
    func create(_ definition: RolloutDefinition, clients: [ClientID]) async throws -> RolloutCreation

    /// - Returns: nil when there is none of this id.
    func status(_ id: RolloutID) async throws -> RolloutStatus?

    /// A page of roll-outs, the newest first, behind `cursor`. Of their definitions only what is ``RolloutDefinition/listed`` is there.
    func list(limit: Int, after cursor: RolloutID?) async throws -> [RolloutStatus]

    /// Clients in the order in which they are begun, from a place on; fewer than `limit` only at the end.
    func clients(of id: RolloutID, from index: Int, limit: Int) async throws -> [RolloutClient]

    /// Those that somebody has to lead.
    func active() async throws -> [RolloutID]

    /// Pauses, resumes or aborts. When it returns no client is begun that this forbids, whoever leads.
    ///
    /// - Returns: nil when there is none of this id.
    func control(_ id: RolloutID, _ order: RolloutOrder) async throws -> RolloutControlled?

    /// Takes the lead for some time, unless another node has it.
    ///
    /// - Parameters:
    ///   - run: Names the process of the node: the lead of an earlier one, which was lost with it, is taken over at once.
    ///   - lease: Milliseconds; renewed by ``advance(_:_:)``.
    /// - Returns: The term; nil when it is led already, or there is none of this id.
    func claim(_ id: RolloutID, by node: NodeID, run: String, lease: Int) async throws -> Int?

    /// Writes down what the leader has learnt and what it is about to do, and renews its lease.
    func advance(_ id: RolloutID, _ advance: RolloutAdvance) async throws -> RolloutHeading

    /// Gives the lead up, if this term is the current one.
    func release(_ id: RolloutID, term: Int) async throws

    /// The roll-out is finished: it needs no leader, and is forgotten after ``RolloutLifetime/seconds``.
    func retire(_ id: RolloutID) async throws
}

public enum RolloutLifetime {
    /// Seconds for which a roll-out is kept after its end: 7 days.
    public static let seconds = 7 * 86_400
    /// The most roll-outs that are not finished.
    public static let maximumActive = 50
}

/// What became of an attempt to create a roll-out.
public enum RolloutCreation: Hashable, Sendable {
    case created
    /// There is one of this id.
    case exists(RolloutStatus)
    /// Another request creates one of this id at this moment.
    case busy
    /// ``RolloutLifetime/maximumActive`` are not finished.
    case full
}

/// What an operator asks for.
public enum RolloutOrder: Hashable, Sendable {
    case pause
    case resume
    /// - Parameter reason: For a person.
    case abort(reason: String)
}

public enum RolloutControlled: Hashable, Sendable {
    case changed
    /// It was so already.
    case unchanged
    /// It has ended; nothing was changed.
    case ended
}

/// What a leader writes.
public struct RolloutAdvance: Sendable {
    public var term: Int
    /// Milliseconds for which the lease is renewed.
    public var lease: Int
    /// The whole progress. A higher `started` counts only when clients may be begun.
    public var progress: RolloutProgress
    /// Clients decided since the last time.
    public var outcomes: [(index: Int, outcome: RolloutOutcome)]
    /// How it ends; the first end counts.
    public var end: RolloutEnd?

    public init(
        term: Int, lease: Int, progress: RolloutProgress, outcomes: [(index: Int, outcome: RolloutOutcome)] = [],
        end: RolloutEnd? = nil
    ) {
        self.term = term
        self.lease = lease
        self.progress = progress
        self.outcomes = outcomes
        self.end = end
    }
}

/// What a leader hears when it has written something.
public enum RolloutHeading: Hashable, Sendable {
    /// Everything is written.
    case kept(isHeld: Bool, end: RolloutEnd.Kind?)
    /// No client may be begun; the rest is written.
    case notBegun(isHeld: Bool, end: RolloutEnd.Kind?)
    /// Another node leads, or there is no such roll-out: nothing is written.
    case lost
}
