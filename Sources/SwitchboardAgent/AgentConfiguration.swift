public import NIOSSL
public import SwitchboardProtocol

/// How an agent connects and what it may hold. The heartbeat and the back-off come from the node's `hello`.
public struct AgentConfiguration: Sendable {
    /// Where the node listens: `ws://` or `wss://` (`http://` and `https://` mean the same); the path is `/ws` unless given.
    public var url: String
    /// The client's name; the node gives one when nil.
    public var client: ClientID?
    /// The groups that the session is put in at every connect.
    public var groups: [GroupName]
    /// How many of the newest durable pushes of each of these groups come first, when the agent has nothing of it yet; at most 300.
    /// Default 0.
    public var groupHistory = 0
    /// What the node does when the agent reads too slowly: close the link (the default), or leave out pushes to groups and to
    /// all, and say how many (``GroupEvent/missed(channel:count:)``).
    public var slow = ClientFrame.SlowPolicy.close
    /// The labels that the session carries.
    public var labels: [String: String]
    /// TLS for `wss://`: trust roots, a client certificate. Default: the system's trust roots.
    public var tls: TLSConfiguration
    /// Keys of which the node must show one, besides a certificate that is trusted; none (the default) means any. Several while
    /// one replaces another. They need `wss://`.
    public var certificatePins: [CertificatePin] = []

    /// Gives the token (a JWT) that says to the node who the agent is. It is asked for at each attempt to connect, and again when
    /// three quarters of the token's time are over: a new one is given to the node then, and the session goes on. When it throws,
    /// the attempt has failed and the next one follows. Default: nil, no token.
    public var token: (@Sendable () async throws -> String)?

    /// Seconds until an attempt must have led to an open WebSocket. Default 10.
    public var connectTimeout = 10.0
    /// Seconds that the node has for its `hello` once the WebSocket is open. Default 10.
    public var helloTimeout = 10.0
    /// Seconds that the node has to end the TCP connection once the close handshake began. Default 3.
    public var closeTimeout = 3.0
    /// Seconds that running handlers have for their end once ``Agent/stop()`` was called, before the link is closed. Default 8.
    public var stopTimeout = 8.0
    /// Seconds between two reports of ``AgentHandlers/health``; 0 means none. Default 30.
    public var healthInterval = 30.0

    /// A file that keeps, over a restart of the process, which pushes were handled and which commands were run. Only one agent
    /// can use it, and only under one ``client``. Without it (the default) a durable push that was handled and not yet
    /// acknowledged is handled again after a restart. It has at most some 25 MB, usually far less than one.
    public var stateFile: String?

    /// When there are any, only commands that one of these keys has signed are run. That needs a ``client`` of the agent's own
    /// and a ``stateFile``, so that a command cannot be turned to another client, or repeated after a restart.
    public var commandKeys: [CommandKey] = []
    /// Seconds that the clocks of the agent and of who signs may differ, 0...600. Default 60.
    public var commandClockSkew = 60.0

    /// The terminals that operators may have on this machine, over the nodes. They are not signed as commands may be: whoever can
    /// tell a node what to do can use them. nil (the default): none.
    public var terminals: TerminalPolicy?

    /// The largest message in bytes that the agent takes, over all its fragments; a larger one ends the link with 1009. Default 4 MiB.
    public var maximumMessageBytes = 4 << 20
    /// Offers the node to compress messages in both directions (permessage-deflate). It costs some 150 KB, and is best left off for
    /// messages that join secrets with what others may choose: over TLS their length tells. Default false.
    public var compression = false
    /// Pushes that may wait for the handler before the agent stops reading. Default 100.
    public var inboundLimit = 100
    /// Bytes of pushes that may wait for the handler before the agent stops reading. Default 4 MiB.
    public var inboundBytesLimit = 4 << 20
    /// Messages that may wait for their acknowledgement; more are refused. Default 256.
    public var outboundLimit = 256
    /// Bytes that the waiting messages may have together. Default 1 MiB.
    public var outboundBytesLimit = 1 << 20
    /// The largest message in bytes, as framed, that may be sent, results of commands included. Default 64 KiB, the node's own default.
    public var maximumOutgoingBytes = 64 << 10
    /// Messages a second on average, so that the node's limit is not hit (50 by default); 0 means no limit. Default 40.
    public var messageRate = 40.0
    /// Messages that may leave at once before ``messageRate`` holds. Default 50.
    public var messageBurst = 50

    public init(
        url: String, client: ClientID? = nil, groups: [GroupName] = [], labels: [String: String] = [:],
        tls: TLSConfiguration = .makeClientConfiguration()
    ) {
        self.url = url
        self.client = client
        self.groups = groups
        self.labels = labels
        self.tls = tls
    }

    /// Trusts the certificates of a PEM file instead of the system's, for a node with a private authority.
    public mutating func trustCertificates(atPath path: String) {
        tls.trustRoots = .file(path)
    }
}
