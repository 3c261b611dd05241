/// What a backend may do with the HTTP API. ``admin`` holds the others.
public struct Scopes: OptionSet, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Push, send commands, manage groups, and see what became of it.
    public static let push = Scopes(rawValue: 1)
    /// See clients, groups, nodes, statistics and events.
    public static let read = Scopes(rawValue: 2)
    /// Close clients, empty mailboxes, drain nodes, and everything else.
    public static let admin = Scopes(rawValue: 4)

    public static let all: [(name: String, scope: Scopes)] = [("push", .push), ("read", .read), ("admin", .admin)]

    /// - Returns: nil when a name is not known, or there is none.
    public init?(names: some Sequence<some StringProtocol>) {
        var scopes: Scopes = []
        for name in names {
            guard let scope = Self.all.first(where: { $0.name == name })?.scope else { return nil }
            scopes.insert(scope)
        }
        guard !scopes.isEmpty else { return nil }
        self = scopes
    }

    /// Those of the names that are scopes here; others belong to other services.
    init(known names: some Sequence<some StringProtocol>) {
        self = names.reduce(into: []) { scopes, name in
            if let scope = Self.all.first(where: { $0.name == name })?.scope { scopes.insert(scope) }
        }
    }

    public var names: [String] { Self.all.filter { contains($0.scope) }.map(\.name) }
    public var description: String { names.joined(separator: ",") }

    /// Whether one of `wanted` is among these.
    func holdsOne(of wanted: Scopes) -> Bool { contains(.admin) || !isDisjoint(with: wanted) }
}
