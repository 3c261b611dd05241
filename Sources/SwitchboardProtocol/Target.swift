/// Whom a push is meant for.
public enum Target: Hashable, Sendable {
    case client(ClientID)
    /// At most ``maximumClients``.
    case clients([ClientID])
    case group(GroupName)
    /// Every session that carries all of these labels.
    case labels([String: String])
    case all

    /// The most clients one push may name.
    public static let maximumClients = 1000
    /// The most labels one push may ask for, and a session may carry.
    public static let maximumLabels = 32
    /// The most bytes of a label's name, and of its value.
    public static let maximumLabelBytes = (name: 128, value: 256)

    /// Whether a session may carry these labels, as far as their lengths go.
    public static func areShort(_ labels: [String: String]) -> Bool {
        labels.allSatisfy {
            (1...maximumLabelBytes.name).contains($0.key.utf8.count) && $0.value.utf8.count <= maximumLabelBytes.value
        }
    }

    /// What the receiver sees as the push's channel: `client`, `group:NAME` or `all`.
    ///
    /// Labels and client lists choose single clients, so they arrive on the channel `client`.
    public var channel: String {
        switch self {
        case .client, .clients, .labels: "client"
        case .group(let name): "group:" + name.rawValue
        case .all: "all"
        }
    }
}
