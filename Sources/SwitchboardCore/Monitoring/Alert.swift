public import SwitchboardProtocol

/// A rule that a client breaks, or has broken until now.
public struct Alert: Hashable, Sendable {
    public var client: ClientID
    /// The rule's name.
    public var name: String
    public var level: AlertLevel
    /// What broke the rule; nil when the client is offline.
    public var value: AlertValue?
    /// Unix milliseconds at which the condition began to hold.
    public var since: UInt64
    /// The node that looks after it.
    public var node: NodeID
    /// That of the client's session: of two it is the newer one that counts.
    public var epoch: UInt64
    /// It is about the client not being there.
    public var isOffline: Bool

    public init(
        client: ClientID, name: String, level: AlertLevel, value: AlertValue?, since: UInt64, node: NodeID,
        epoch: UInt64, isOffline: Bool
    ) {
        self.client = client
        self.name = name
        self.level = level
        self.value = value
        self.since = since
        self.node = node
        self.epoch = epoch
        self.isOffline = isOffline
    }

    public init(_ rule: AlertRule, client: ClientID, value: AlertValue?, since: UInt64, node: NodeID, epoch: UInt64) {
        var value = value
        if case .text(let text)? = value { value = .text(text.prefix(bytes: Self.maximumText)) }
        self.init(
            client: client, name: rule.name, level: rule.level, value: value, since: since, node: node, epoch: epoch,
            isOffline: rule.isOffline)
    }
}

/// What a node tells the others of an alert, so that any of them can go on with it.
public struct AlertNotice: Hashable, Sendable {
    public enum Action: String, Hashable, Sendable, CaseIterable {
        /// It is raised, or looked after by another node than before.
        case raised
        case cleared
        /// The client is gone, and its node too before the time of the rule was over.
        case gone
    }
    public var action: Action
    public var alert: Alert

    public init(_ action: Action, _ alert: Alert) {
        self.action = action
        self.alert = alert
    }
}

extension JSONObjectWriter {
    /// The members of an alert as nodes tell them each other.
    public mutating func members(of alert: Alert) {
        string("client", alert.client.rawValue)
        string("alert", alert.name)
        string("level", alert.level.rawValue)
        alertValue("value", alert.value)
        integer("since", Int(clamping: alert.since))
        string("node", alert.node.rawValue)
        integer("epoch", Int(clamping: alert.epoch))
        if alert.isOffline { boolean("offline", true) }
    }

    /// A number or a text; nothing when there is none.
    public mutating func alertValue(_ name: StaticString, _ value: AlertValue?) {
        switch value {
        case .number(let number): self.number(name, number)
        case .text(let text): string(name, text)
        case nil: break
        }
    }
}

extension Alert {
    /// The most bytes of a text that an alert has as its value.
    public static let maximumText = 128

    /// - Returns: nil when a member is missing or not valid.
    public init?(parsing document: JSONDocument) {
        guard let client = document["client"].flatMap(document.string).flatMap({ ClientID(rawValue: $0) }),
            let name = document["alert"].flatMap(document.word),
            let level = document["level"].flatMap(document.word).flatMap({ AlertLevel(rawValue: $0) }),
            let since = document["since"].flatMap(document.integer), since >= 0,
            let node = document["node"].flatMap(document.string).flatMap({ NodeID(rawValue: $0) }),
            let epoch = document["epoch"].flatMap(document.integer), epoch >= 0
        else { return nil }
        var value: AlertValue?
        if let slice = document["value"] {
            value = document.number(slice).map { .number($0) }
            if let text = document.string(slice) { value = .text(text.prefix(bytes: Self.maximumText)) }
            guard value != nil else { return nil }
        }
        self.init(
            client: client, name: name, level: level, value: value, since: UInt64(since), node: node,
            epoch: UInt64(epoch), isOffline: document["offline"].flatMap(document.boolean) ?? false)
    }
}
