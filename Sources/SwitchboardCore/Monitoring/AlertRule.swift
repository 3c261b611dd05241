import SwitchboardProtocol

/// How bad it is; a client without an alert is `ok`.
public enum AlertLevel: String, Sendable, Hashable, CaseIterable, Comparable {
    case amber
    case red

    public static func < (left: Self, right: Self) -> Bool { left == .amber && right == .red }
}

/// What a client's health says in one of its fields; `true` and `false` are texts.
public enum AlertValue: Hashable, Sendable {
    case number(Double)
    case text(String)
}

/// When a client is in trouble, by what it says of itself: `NAME: FIELD OP VALUE [for SECONDS] [amber|red]`.
public struct AlertRule: Hashable, Sendable {
    public enum Comparison: String, Hashable, Sendable, CaseIterable {
        case above = ">"
        case atLeast = ">="
        case below = "<"
        case atMost = "<="
        case equal = "=="
        case unequal = "!="
    }

    public enum Condition: Hashable, Sendable {
        /// A field of the health, by the names on the way to it.
        case field([String], Comparison, AlertValue)
        /// The client has told its health and is not connected any more.
        case offline
    }

    /// Unique among the rules of a node: 1-64 characters of `A-Z a-z 0-9 . _ -`.
    public let name: String
    public let condition: Condition
    /// Milliseconds for which the condition must have held.
    public let duration: UInt64
    public let level: AlertLevel

    public init(name: String, condition: Condition, duration: UInt64 = 0, level: AlertLevel = .red) {
        self.name = name
        self.condition = condition
        self.duration = duration
        self.level = level
    }

    /// The rules of a node that is told none.
    public static let standard = [
        AlertRule(name: "cpu", condition: .field(["cpu"], .above, .number(0.9)), duration: 30_000, level: .amber),
        AlertRule(name: "memory", condition: .field(["memory", "used"], .above, .number(0.95))),
        AlertRule(name: "disk", condition: .field(["disk", "used"], .above, .number(0.9)), level: .amber),
        AlertRule(name: "disk-full", condition: .field(["disk", "used"], .above, .number(0.97))),
    ]

    public var isOffline: Bool { condition == .offline }

    /// The value that fulfils the condition now, whatever its duration; nil when it does not hold.
    ///
    /// A field that the health does not have, or that is of another kind than the rule's value, fulfils nothing.
    public func violation(in health: HealthReading) -> AlertValue? {
        guard case .field(let path, let comparison, let limit) = condition, let value = health.value(at: path) else {
            return nil
        }
        return comparison.holds(value, limit) ? value : nil
    }
}

extension AlertRule.Comparison {
    func holds(_ value: AlertValue, _ limit: AlertValue) -> Bool {
        switch (value, limit) {
        case (.number(let value), .number(let limit)):
            switch self {
            case .above: value > limit
            case .atLeast: value >= limit
            case .below: value < limit
            case .atMost: value <= limit
            case .equal: value == limit
            case .unequal: value != limit
            }
        case (.text(let value), .text(let limit)):
            switch self {
            case .equal: value.hasSameBytes(as: limit)
            case .unequal: !value.hasSameBytes(as: limit)
            case .above, .atLeast, .below, .atMost: false
            }
        case (.number, .text), (.text, .number): false
        }
    }
}

extension Sequence<AlertRule> {
    /// The worst that a client's health says now, without regard to how long it has been so.
    ///
    /// - Parameter isOnline: Whether the client is connected.
    public func level(of health: HealthReading, isOnline: Bool) -> AlertLevel? {
        filter { $0.isOffline ? !isOnline : $0.violation(in: health) != nil }.map(\.level).max()
    }
}
