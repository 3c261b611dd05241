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
    /// Bytes that it may have kept in histories. These are bounded by number alone, and there may be any number of them.
    var kept = TokenBucket(
        rate: ClientFrame.keptBytesASecond, burst: ClientFrame.keptBytesAtOnce, now: MonotonicClock.nanoseconds())
    /// Histories that it may have read: each is up to some megabytes out of the store.
    var reads = TokenBucket(
        rate: GroupDealings.readsASecond, burst: GroupDealings.readsAtOnce, now: MonotonicClock.nanoseconds())

    static let readsASecond = 2
    /// As many as a session may be in groups, unless that was changed: it may come back to all of them.
    static let readsAtOnce = 100
}
