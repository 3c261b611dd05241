import SwitchboardProtocol

/// The sessions of one event loop that are in a group. Each session knows its place in the list, so leaving needs no search.
final class Group {
    let name: GroupName
    private(set) var members: [Session] = []

    init(_ name: GroupName) { self.name = name }

    /// - Returns: The session's place, to be given to ``remove(at:)``.
    func add(_ session: Session) -> Int {
        members.append(session)
        return members.count - 1
    }

    /// The last member takes the place of the one that goes.
    func remove(at index: Int) {
        members.swapAt(index, members.count - 1)
        members.removeLast()
        if index < members.count { members[index].moved(in: self, to: index) }
    }
}
