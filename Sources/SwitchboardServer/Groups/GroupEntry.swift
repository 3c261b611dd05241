import SwitchboardCore
import SwitchboardProtocol

/// A session on its way into a group: what the group is sent meanwhile waits until the history has come.
final class GroupEntry {
    /// The most pushes that wait; with more the oldest are left out, and counted.
    static let maximumHeld = 300

    let history: Int
    private(set) var held: [BusPush] = []
    private(set) var leftOut = 0
    /// Durable ones of these, and the place of the newest: the history may have them.
    private var durableLeftOut = 0
    private var newestLeftOut: BusPush.Place?
    /// What a member was to get in the turn in which it asked for the history, and what it got in it.
    private let owed: [BusPush]
    private let had: [BusPush]

    /// Set once.
    var page: HistoryPage? {
        didSet {
            held.removeAll { !isNewer($0) }
            if let newestLeftOut, !isBehindPage(newestLeftOut) { leftOut -= durableLeftOut }
        }
    }

    /// - Parameters:
    ///   - history: How many pushes of the history are wanted.
    ///   - owed: Pushes that were on their way to the session when it was taken out of the group. It gets each of them, also those that
    ///     the history does not have, or has beyond what is wanted.
    ///   - had: Pushes that were quicker than that: the history does not repeat them.
    init(history: Int, owed: [BusPush] = [], had: [BusPush] = []) {
        self.history = history
        self.owed = owed
        self.had = had
    }

    func hold(_ push: BusPush) {
        guard isNewer(push) else { return }
        held.append(push)
        guard held.count > Self.maximumHeld else { return }
        leftOut += 1
        guard let place = held.removeFirst().durable?.place else { return }
        durableLeftOut += 1
        newestLeftOut = place
    }

    private func isNewer(_ push: BusPush) -> Bool {
        guard let place = push.durable?.place else { return true }
        return isBehindPage(place)
    }

    private func isBehindPage(_ place: BusPush.Place) -> Bool {
        guard let page else { return true }
        return place.epoch != page.newest.epoch || place.offset > page.newest.offset
    }

    /// What the session gets before anything else of the group, in order.
    var pushes: [BusPush] {
        let old = page?.pushes ?? []
        // The usual case: it was not in the group.
        guard !owed.isEmpty || !had.isEmpty else { return old + held }
        let known = Set(old.compactMap(Self.offset))
        let passed = Set(had.filter { !isNewer($0) }.compactMap(Self.offset))
        // All of these are of the page's epoch, and mostly older than what it has.
        let missing = owed.filter { push in !isNewer(push) && Self.offset(push).map { !known.contains($0) } ?? true }
        let unheard = old.filter { push in Self.offset(push).map { !passed.contains($0) } ?? true }
        let past = (missing + unheard).sorted { (Self.offset($0) ?? .zero) < (Self.offset($1) ?? .zero) }
        return past + owed.filter(isNewer) + held
    }

    private static func offset(_ push: BusPush) -> StreamOffset? { push.durable?.place?.offset }
}
