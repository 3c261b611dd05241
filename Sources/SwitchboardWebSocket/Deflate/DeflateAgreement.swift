/// What both ends agreed on for `permessage-deflate` (RFC 7692 section 7.1): how each of them may compress.
public struct DeflateAgreement: Hashable, Sendable {
    /// How one end compresses what it sends.
    public struct Direction: Hashable, Sendable {
        /// Messages may refer to the messages before them (context takeover); the reader keeps the window between them.
        public var keepsContext: Bool
        /// 8...15: references reach back 2^n bytes at most.
        public var windowBits: Int

        public init(keepsContext: Bool = true, windowBits: Int = 15) {
            self.keepsContext = keepsContext
            self.windowBits = windowBits
        }
    }

    public var server: Direction
    public var client: Direction

    public init(server: Direction = Direction(), client: Direction = Direction()) {
        self.server = server
        self.client = client
    }

    /// What a client compresses its messages with; nil when zlib cannot do what was agreed on (a window of 2^8 bytes), or has
    /// no memory: then its messages go uncompressed, which every server has to take.
    ///
    /// A server, whose frames are to be shared, has a ``MessageCompressor`` instead.
    public func clientDeflater(level: Int = 6) -> Deflater? {
        try? Deflater(windowBits: client.windowBits, keepsContext: client.keepsContext, level: level)
    }

    /// What the peer of `side` sends, and `side` has to inflate.
    func inbound(for side: MessageReader.Side) -> Direction { side == .server ? client : server }
}

/// The peer's `Sec-WebSocket-Extensions` is such that the connection has to be failed.
public struct DeflateNegotiationError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }

    static let malformed = DeflateNegotiationError("'Sec-WebSocket-Extensions' is malformed")
}
