import DequeModule

/// Values that are kept for some time; bounded in number and in bytes, beyond which the oldest go first. A struct without I/O.
struct ExpiringTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Record {
        var value: Value
        var bytes: Int
        /// Unix milliseconds.
        var deadline: UInt64
        /// Which entry of `order` is this one's.
        let serial: UInt64
    }

    private let maximumCount: Int
    private let maximumBytes: Int
    private var records: [Key: Record] = [:]
    /// Oldest first; stale where the record is gone or another.
    private(set) var order: Deque<(key: Key, serial: UInt64)> = []
    private var serial: UInt64 = 0
    private(set) var bytes = 0

    init(maximumCount: Int, maximumBytes: Int) {
        self.maximumCount = maximumCount
        self.maximumBytes = maximumBytes
    }

    var count: Int { records.count }

    func value(_ key: Key, now: UInt64) -> Value? {
        guard let record = records[key], record.deadline > now else { return nil }
        return record.value
    }

    mutating func set(_ key: Key, _ value: Value, bytes: Int, deadline: UInt64, now: UInt64) {
        remove(key)
        serial += 1
        records[key] = Record(value: value, bytes: bytes, deadline: deadline, serial: serial)
        self.bytes += bytes
        order.append((key, serial))
        makeRoom(now: now)
    }

    /// Changes a value that is there and gives it a new deadline; its age stays.
    ///
    /// - Parameter body: Returns by how many bytes it has grown.
    /// - Returns: false when there is none.
    mutating func update(_ key: Key, deadline: UInt64, now: UInt64, _ body: (inout Value) -> Int) -> Bool {
        guard let index = records.index(forKey: key), records.values[index].deadline > now else { return false }
        let growth = body(&records.values[index].value)
        records.values[index].bytes += growth
        records.values[index].deadline = deadline
        bytes += growth
        makeRoom(now: now)
        return true
    }

    mutating func remove(_ key: Key) {
        if let record = records.removeValue(forKey: key) { bytes -= record.bytes }
    }

    private mutating func makeRoom(now: UInt64) {
        while let oldest = order.first {
            if let record = records[oldest.key], record.serial == oldest.serial {
                guard record.deadline <= now || records.count > maximumCount || bytes > maximumBytes else { break }
                remove(oldest.key)
            }
            order.removeFirst()
        }
        guard order.count > 2 * records.count + 1000 else { return }
        order = order.filter { records[$0.key]?.serial == $0.serial }
    }
}
