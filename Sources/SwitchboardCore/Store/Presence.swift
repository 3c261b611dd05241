public import NIOCore
public import SwitchboardProtocol

/// What is known of a session from its first moment. Shared, never changed.
public final class SessionRecord: Sendable {
    public let client: ClientID
    public let session: SessionID
    public let node: NodeID
    public let mode: ConnectionMode
    /// The client's address as the outermost trusted proxy saw it.
    public let address: String
    public let userAgent: String?
    public let labels: [String: String]
    /// The groups it was put in by its connect request.
    public let groups: [GroupName]
    /// Unix milliseconds.
    public let connectedAt: UInt64

    public init(
        client: ClientID, session: SessionID, node: NodeID, mode: ConnectionMode, address: String, userAgent: String?,
        labels: [String: String], groups: [GroupName], connectedAt: UInt64
    ) {
        self.client = client
        self.session = session
        self.node = node
        self.mode = mode
        self.address = address
        self.userAgent = userAgent
        self.labels = labels
        self.groups = groups
        self.connectedAt = connectedAt
    }
}

/// How a session ended.
public struct Departure: Hashable, Sendable {
    public var client: ClientID
    public var session: SessionID
    public var node: NodeID
    public var epoch: UInt64
    public var closeCode: UInt16
    public var reason: String
    /// True when the connection was lost without an orderly close: the client is `suspect` for the resume window.
    public var isLost: Bool
    /// Unix milliseconds.
    public var at: UInt64

    public init(
        client: ClientID, session: SessionID, node: NodeID, epoch: UInt64, closeCode: UInt16, reason: String,
        isLost: Bool, at: UInt64
    ) {
        self.client = client
        self.session = session
        self.node = node
        self.epoch = epoch
        self.closeCode = closeCode
        self.reason = reason
        self.isLost = isLost
        self.at = at
    }
}

/// What changed in a live session.
public struct PresenceChange: Hashable, Sendable {
    public var client: ClientID
    /// The change is ignored unless this is still the client's current epoch.
    public var epoch: UInt64
    /// Unix milliseconds.
    public var lastSeenAt: UInt64?
    /// Ping round trip in milliseconds.
    public var roundTrip: Double?
    public var groups: [GroupName]?
    /// The client's own health: a JSON object.
    public var health: ByteBuffer?

    public init(
        client: ClientID, epoch: UInt64, lastSeenAt: UInt64? = nil, roundTrip: Double? = nil,
        groups: [GroupName]? = nil, health: ByteBuffer? = nil
    ) {
        self.client = client
        self.epoch = epoch
        self.lastSeenAt = lastSeenAt
        self.roundTrip = roundTrip
        self.groups = groups
        self.health = health
    }
}

/// The cluster-wide record of a client.
public struct ClientPresence: Hashable, Sendable {
    public enum State: String, Sendable, CaseIterable {
        case online
        /// Lost without an orderly close less than the resume window ago; treated as offline everywhere.
        case suspect
        case offline
    }

    public var client: ClientID
    public var state: State
    public var node: NodeID?
    public var session: SessionID?
    public var epoch: UInt64
    public var address: String?
    public var userAgent: String?
    /// Unix milliseconds, as all times here.
    public var connectedAt: UInt64?
    public var lastSeenAt: UInt64?
    /// Ping round trip in milliseconds.
    public var roundTrip: Double?
    public var groups: [GroupName]
    public var labels: [String: String]
    public var health: ByteBuffer?
    /// Only when not online.
    public var disconnectedAt: UInt64?
    public var closeCode: UInt16?
    public var closeReason: String?

    public init(client: ClientID, state: State, epoch: UInt64, groups: [GroupName] = [], labels: [String: String] = [:])
    {
        self.client = client
        self.state = state
        self.epoch = epoch
        self.groups = groups
        self.labels = labels
    }
}

/// Which clients a list asks for; what is nil does not matter.
public struct ClientFilter: Hashable, Sendable {
    /// `.offline` means suspect ones too: they are treated as offline everywhere.
    public var state: ClientPresence.State?
    public var group: GroupName?
    public var labels: [String: String]
    public var node: NodeID?

    public init(
        state: ClientPresence.State? = nil, group: GroupName? = nil, labels: [String: String] = [:], node: NodeID? = nil
    ) {
        self.state = state
        self.group = group
        self.labels = labels
        self.node = node
    }

    public func accepts(_ client: ClientPresence) -> Bool {
        switch state {
        case .online: guard client.state == .online else { return false }
        case .offline: guard client.state != .online else { return false }
        case .suspect: guard client.state == .suspect else { return false }
        case nil: break
        }
        if let group, !client.groups.contains(group) { return false }
        if let node, client.node != node { return false }
        return labels.allSatisfy { client.labels[$0.key] == $0.value }
    }
}

/// A page of clients, and where the next one begins.
public struct ClientPage: Hashable, Sendable {
    public var clients: [ClientPresence]
    /// The last id looked at; nil when the list is at its end.
    public var next: ClientID?

    public init(clients: [ClientPresence], next: ClientID?) {
        self.clients = clients
        self.next = next
    }
}

/// What a node says of itself with each beat.
public struct NodeDescription: Hashable, Sendable, Codable {
    public var id: NodeID
    public var version: String
    /// Where it listens.
    public var address: String
    /// Unix milliseconds.
    public var startedAt: UInt64
    public var sessions: Int
    /// It takes no more clients, and sends away those that it has.
    public var isDraining: Bool
    /// Milliseconds that a canary took through the bus and back; nil before the first has come back.
    public var busLag: Double?

    public init(
        id: NodeID, version: String, address: String, startedAt: UInt64, sessions: Int, isDraining: Bool,
        busLag: Double? = nil
    ) {
        self.id = id
        self.version = version
        self.address = address
        self.startedAt = startedAt
        self.sessions = sessions
        self.isDraining = isDraining
        self.busLag = busLag
    }
}

/// The lease of a node in the cluster.
public enum NodeLease {
    /// Seconds between beats.
    public static let beat = 3
    /// Seconds after the last beat at which the node counts as dead.
    public static let lifetime = 10
    /// What presence says of clients whose node died.
    public static let lostReason = "the node was lost"
}

/// How long a lost client is `suspect`, by default: seconds.
public enum ResumeWindow {
    public static let standard = 60
}

/// What a client sent up.
public struct UpstreamMessage: Hashable, Sendable {
    public var client: ClientID
    public var session: SessionID
    public var node: NodeID
    /// Chosen by the client; a repeat within 5 minutes is accepted once.
    public var id: String?
    public var payload: Payload
    /// Unix milliseconds.
    public var receivedAt: UInt64

    /// Seconds for which a message id is remembered.
    public static let idLifetime = 300

    public init(
        client: ClientID, session: SessionID, node: NodeID, id: String?, payload: Payload, receivedAt: UInt64
    ) {
        self.client = client
        self.session = session
        self.node = node
        self.id = id
        self.payload = payload
        self.receivedAt = receivedAt
    }
}
