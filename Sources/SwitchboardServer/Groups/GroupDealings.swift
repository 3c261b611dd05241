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
