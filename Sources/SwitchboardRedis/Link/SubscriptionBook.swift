/// Which channels a node listens to, and which of them Redis has confirmed on the present connection.
struct SubscriptionBook {
    private let channels: [String]
    private var unconfirmed: Set<String>

    init(channels: [String]) {
        self.channels = channels
        self.unconfirmed = Set(channels)
    }

    /// A new connection is there: nothing is confirmed on it.
    ///
    /// - Returns: The channels to subscribe to.
    mutating func connected() -> [String] {
        unconfirmed = Set(channels)
        return channels
    }

    /// - Returns: true when this was the last confirmation that was missing.
    mutating func confirmed(_ channel: String) -> Bool {
        unconfirmed.remove(channel) != nil && unconfirmed.isEmpty
    }
}
