import SwitchboardProtocol

/// A group, or all whose names begin in one way: `shop-7`, `chat:*`, `*`.
public struct GroupPattern: Hashable, Sendable, CustomStringConvertible {
    private let text: String
    private let isPrefix: Bool

    /// - Returns: nil unless it is a group's name, the beginning of one with `*` after it, or `*`.
    public init?(_ text: String) {
        isPrefix = text.last == "*"
        self.text = isPrefix ? String(text.dropLast()) : text
        guard isPrefix && self.text.isEmpty || GroupName(rawValue: self.text) != nil else { return nil }
    }

    public var description: String { isPrefix ? text + "*" : text }

    func matches(_ group: GroupName) -> Bool {
        isPrefix ? group.rawValue.hasPrefix(text) : group.rawValue == text
    }
}

/// Which groups a client may join by itself.
struct GroupPermission: Hashable, Sendable {
    private let patterns: [GroupPattern]
    private let groups: Set<GroupName>
    private let isAnything: Bool

    /// - Parameters:
    ///   - grant: What its token says; nil without a token.
    ///   - configured: What all may join; nil when nothing is configured. Then a client without a token may join any group,
    ///     and one with a token those that the token names.
    init(grant: ClientGrant?, configured: [GroupPattern]?) {
        patterns = (grant?.joinable ?? []) + (configured ?? [])
        // What it was put into and left it may come back to.
        groups = Set(grant?.groups ?? [])
        isAnything = grant == nil && configured == nil
    }

    func allows(_ group: GroupName) -> Bool {
        isAnything || groups.contains(group) || patterns.contains { $0.matches(group) }
    }

    /// - Throws: `group_not_allowed`.
    func check(_ wanted: some Sequence<GroupName>) throws(Refusal) {
        for group in wanted where !allows(group) { throw .groupNotAllowed }
    }
}
