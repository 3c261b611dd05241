public import SwitchboardCore
public import SwitchboardProtocol

/// A cluster that the contract is tried on.
public protocol ClusterFixture: Sendable {
    /// Adds a node that takes part: its bus has the receiver and is available, its lease is alive.
    func makeNode(_ id: NodeID, receiver: any BusReceiver) async throws -> (bus: any Bus, store: any Store)

    /// The node is gone without a word, as after `kill -9`, and its lease has ended.
    func lose(_ id: NodeID) async throws
}

/// One clause of what every bus and store must do.
public struct ContractClause: Sendable, CustomStringConvertible {
    public let description: String
    /// It holds where a store keeps and publishes in one step. In a Redis Cluster a mailbox and a node's channel are on different
    /// servers; sessions put up with that (`MailCursor`).
    public let needsOneStep: Bool
    public let check: @Sendable (any ClusterFixture) async throws -> Void

    init(
        _ description: String, needsOneStep: Bool = false,
        _ check: @escaping @Sendable (any ClusterFixture) async throws -> Void
    ) {
        self.description = description
        self.needsOneStep = needsOneStep
        self.check = check
    }
}

/// What every pair of bus and store must do, in process or through Redis. Each clause wants a fresh cluster.
public enum BusContract {
    public static let clauses: [ContractClause] =
        bus + barrier + routing + registration + presence + listing + nodes + mailboxes + mailDelivery + mailLimits
        + mailExpiry + histories + ledger + pushLogs + webhookRoster + webhookQueue + webhookDead + rollouts
}
