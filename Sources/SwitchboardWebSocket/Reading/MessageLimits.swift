import SwitchboardProtocol

/// How long a message may be.
struct MessageLimits: Hashable, Sendable {
    /// Over all fragments.
    let bytes: Int
    /// The same for a message that came compressed. Without a limit a few megabytes could be made to fill the memory.
    let inflatedBytes: Int

    /// - Parameter maximumMessageBytes: 0 means 2 GB, half of what a buffer can hold, and 64 MB inflated.
    init(maximumMessageBytes: Int) {
        let isLimited = (1...Self.most).contains(maximumMessageBytes)
        bytes = isLimited ? maximumMessageBytes : Self.most
        inflatedBytes = isLimited ? maximumMessageBytes : Self.mostInflated
    }

    /// How many bytes it may have compressed. Compressing makes some messages longer, by five bytes for each block; what comes
    /// beyond that can only be blocks without content, which would keep the connection busy for ever.
    var compressedBytes: Int { inflatedBytes + inflatedBytes / 8 + 1024 }

    /// In how many frames so many bytes may come: 1000, and one more for every 16 bytes. Frames with less in them cost memory to
    /// nobody and time to us.
    static func fragments(for bytes: Int) -> Int { 1000 + bytes / 16 }

    private static let most = Int(Int32.max)
    private static let mostInflated = 64 << 20
}

/// What a peer did wrong, and the code that it is told.
struct Violation: Error, Hashable, Sendable {
    let code: CloseCode
    let reason: String

    init(_ code: CloseCode, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    static func tooBig(_ bytes: Int) -> Violation { Violation(.messageTooBig, "a message may have \(bytes) bytes") }

    init(_ error: DeflateError, _ limits: MessageLimits) {
        switch error {
        case .tooBig: self = .tooBig(limits.inflatedBytes)
        case .corrupt: self.init(.invalidPayload, "compressed data that cannot be read")
        case .truncated: self.init(.invalidPayload, "compressed data that ends too early")
        // 1011 of RFC 6455's registry: the fault is ours.
        case .unavailable: self.init(CloseCode(rawValue: 1011), "nothing can be inflated now")
        }
    }
}
