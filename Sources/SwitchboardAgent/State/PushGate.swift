/// Counts the pushes that wait for a slow handler, and says when to stop reading and when to begin again.
struct PushGate {
    private(set) var count = 0
    private(set) var bytes = 0
    private(set) var isClosed = false
    let limit: Int
    let bytesLimit: Int

    init(limit: Int, bytesLimit: Int) {
        self.limit = max(limit, 1)
        self.bytesLimit = max(bytesLimit, 1)
    }

    /// - Returns: Whether reading has to stop now.
    mutating func add(bytes: Int) -> Bool {
        count += 1
        self.bytes += bytes
        guard !isClosed, count >= limit || self.bytes >= bytesLimit else { return false }
        isClosed = true
        return true
    }

    /// - Returns: Whether reading may begin again. Half of the limit must be free, so that the socket is not switched on and
    ///   off for every push.
    mutating func remove(bytes: Int) -> Bool {
        count -= 1
        self.bytes -= bytes
        guard isClosed, count <= limit / 2, self.bytes <= bytesLimit / 2 else { return false }
        isClosed = false
        return true
    }
}
