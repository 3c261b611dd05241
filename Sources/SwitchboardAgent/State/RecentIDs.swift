/// The ids that were seen lately, oldest first; a struct without I/O.
///
/// An id is forgotten when ``least`` newer ones are known and it is older than ``age``; whatever its age, when ``most``
/// are known.
struct RecentIDs {
    struct Entry: Equatable {
        let id: String
        /// Unix time in seconds.
        let at: Int
    }

    /// So many are known at least.
    let least: Int
    /// Never more than so many are known.
    let most: Int
    /// Seconds for which an id is known at least, unless there are ``most``.
    let age: Int

    private var known: Set<String> = []
    private var order: [Entry] = []
    private var head = 0

    init(least: Int = 1000, most: Int = 20_000, age: Int = 600) {
        self.least = least
        self.most = max(most, least)
        self.age = age
    }

    var count: Int { known.count }
    var entries: ArraySlice<Entry> { order[head...] }

    func contains(_ id: String) -> Bool { known.contains(id) }

    /// - Parameter at: Unix time in seconds.
    mutating func insert(_ id: String, at: Int) {
        guard known.insert(id).inserted else { return }
        order.append(Entry(id: id, at: at))
        while count > least, count > most || order[head].at <= at - age {
            known.remove(order[head].id)
            head += 1
        }
        if head > least {
            order.removeFirst(head)
            head = 0
        }
    }
}
