/// A client that is in a group, as those are told who watch the group.
public struct GroupMember: Hashable, Sendable {
    public var client: ClientID
    public var labels: [String: String]

    public init(client: ClientID, labels: [String: String] = [:]) {
        self.client = client
        self.labels = labels
    }

    /// The most members of a group that are listed.
    public static let maximumListed = 1000
}

extension JSONObjectWriter {
    /// A list of `{"clientId", "labels"}`.
    public mutating func members(_ name: StaticString, _ members: [GroupMember]) {
        list(name, members) { json, member in
            json.string("clientId", member.client.rawValue)
            json.strings("labels", member.labels)
        }
    }
}

extension GroupMember {
    /// Reads one of ``JSONObjectWriter/members(_:_:)``; nil when it is none.
    public init?(_ document: JSONDocument) {
        guard let name = document["clientId"].flatMap(document.string), let client = ClientID(rawValue: name) else {
            return nil
        }
        var labels: [String: String] = [:]
        if let slice = document["labels"] {
            guard let map = document.stringMap(slice, limit: Target.maximumLabels), Target.areShort(map) else {
                return nil
            }
            labels = map
        }
        self.init(client: client, labels: labels)
    }
}

extension JSONDocument {
    /// The members that a list names; nil when it is no such list, or too long.
    public func groupMembers(_ name: String, limit: Int = GroupMember.maximumListed) -> [GroupMember]? {
        guard let slice = self[name], let elements = elements(slice), elements.count <= limit else { return nil }
        var members: [GroupMember] = []
        for element in elements {
            guard let member = object(element).flatMap({ GroupMember($0) }) else { return nil }
            members.append(member)
        }
        return members
    }

    /// The clients that a list of texts names; nil when it is no such list, or too long.
    public func clients(_ name: String, limit: Int = GroupMember.maximumListed) -> [ClientID]? {
        guard let slice = self[name], let elements = elements(slice), elements.count <= limit else { return nil }
        var clients: [ClientID] = []
        for element in elements {
            guard let client = string(element).flatMap({ ClientID(rawValue: $0) }) else { return nil }
            clients.append(client)
        }
        return clients
    }
}
