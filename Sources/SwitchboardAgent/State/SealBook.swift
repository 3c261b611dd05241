/// The signed commands that were let in, for as long as their signatures are good; a struct without I/O.
///
/// What it has forgotten is not let in again: it keeps the latest expiry among all that was forgotten, and refuses what
/// is unknown and does not expire later. So neither a flood of commands nor a clock that is set back opens a way for a
/// repetition; under a flood, signatures are good for less long.
struct SealBook {
    /// What is remembered of a command.
    struct Seal: Equatable {
        /// The digest of its content.
        let content: String
        /// Unix seconds.
        var expires: Int
    }

    enum Standing: Equatable {
        case new
        /// It has come before; `later` when it is signed anew, for longer.
        case known(later: Bool)
        /// Its id belongs to a command with other content.
        case other
        /// It is unknown, and may have been forgotten.
        case tooOld
    }

    /// Never more than so many are known.
    let most: Int
    /// Seconds beyond the expiry; more than clocks may differ, so that nothing is forgotten that could be let in.
    private static let margin = CommandGuard.largestSkew

    private var seals: [String: Seal] = [:]
    /// By expiry, the earliest first.
    private var order: [(expires: Int, id: String)] = []
    /// The latest expiry, in Unix seconds, of what was forgotten.
    private(set) var floor = 0

    init(most: Int = 10_000) {
        self.most = max(most, 1)
    }

    var count: Int { seals.count }

    func standing(of id: String, _ seal: Seal) -> Standing {
        guard let known = seals[id] else { return seal.expires > floor ? .new : .tooOld }
        return known.content == seal.content ? .known(later: seal.expires > known.expires) : .other
    }

    /// Remembers a command, or that it was signed anew.
    ///
    /// - Parameter now: Unix seconds.
    mutating func insert(_ id: String, _ seal: Seal, now: Int) {
        if let known = seals[id] {
            guard seal.expires > known.expires else { return }
            var index = place(of: known.expires)
            while order[index].id != id { index += 1 }
            order.remove(at: index)
        }
        seals[id] = seal
        order.insert((seal.expires, id), at: place(of: seal.expires))
        forget(now: now)
    }

    mutating func raise(floor: Int) {
        self.floor = max(self.floor, floor)
    }

    /// All that is known, the earliest expiry first.
    var entries: [(id: String, seal: Seal)] {
        order.compactMap { entry in seals[entry.id].map { (entry.id, $0) } }
    }

    /// The first place at or behind this expiry.
    private func place(of expires: Int) -> Int {
        var (low, high) = (0, order.count)
        while low < high {
            let middle = (low + high) / 2
            if order[middle].expires < expires { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func forget(now: Int) {
        let over = max(seals.count - most, 0)
        var count = 0
        while count < order.count, count < over || order[count].expires < now - Self.margin { count += 1 }
        guard count > 0 else { return }
        for entry in order[..<count] { seals[entry.id] = nil }
        raise(floor: order[count - 1].expires)
        order.removeFirst(count)
    }
}
