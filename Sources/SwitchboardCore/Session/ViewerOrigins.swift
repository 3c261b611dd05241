public import SwitchboardProtocol

/// At which nodes the viewers of a client's terminals are: the newest so many, by their last order.
public struct ViewerOrigins: Sendable {
    public static let limit = 64

    /// The one that was heard of last is last.
    private var entries: [(viewer: String, origin: NodeID)] = []

    public init() {}

    public var isEmpty: Bool { entries.isEmpty }

    public subscript(viewer: String) -> NodeID? { entries.first { $0.viewer == viewer }?.origin }

    /// An order of the viewer has come from there.
    public mutating func note(_ viewer: String, at origin: NodeID) {
        if let index = entries.lastIndex(where: { $0.viewer == viewer }) {
            // Keys of one viewer come in a row.
            if index == entries.count - 1 {
                entries[index].origin = origin
                return
            }
            entries.remove(at: index)
        } else if entries.count == Self.limit {
            entries.removeFirst()
        }
        entries.append((viewer, origin))
    }

    /// The viewer's node says that it is gone.
    ///
    /// - Returns: false when the viewer was heard of from another node since, where it still is.
    public mutating func forget(_ viewer: String, at origin: NodeID) -> Bool {
        guard let index = entries.firstIndex(where: { $0.viewer == viewer }) else { return true }
        guard entries[index].origin == origin else { return false }
        entries.remove(at: index)
        return true
    }

    public mutating func removeAll() -> [(viewer: String, origin: NodeID)] {
        defer { entries = [] }
        return entries
    }
}
