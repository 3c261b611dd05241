import SwitchboardCore
import SwitchboardProtocol

/// What few sessions have to do with groups, besides being in them. Kept apart, so that the others are small.
final class GroupDealings {
    /// Groups that the session will be in when it has what they were sent before.
    var entering: [GroupName: GroupEntry] = [:]
    /// Groups of which it is told who is in them.
    var watched: Set<GroupName> = []
    /// Pushes that found no room in its queue, by their channels, until it is told.
    var missed: [String: Int] = [:]
}

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

    /// Set once.
    var page: HistoryPage? {
        didSet {
            held.removeAll { !isNewer($0) }
            if let newestLeftOut, !isBehindPage(newestLeftOut) { leftOut -= durableLeftOut }
        }
    }

    /// - Parameter history: How many pushes of the history are wanted.
    init(history: Int) { self.history = history }

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
    var pushes: [BusPush] { (page?.pushes ?? []) + held }
}
