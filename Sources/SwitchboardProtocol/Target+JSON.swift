/// Why the `to` of a push is not valid. The description is fit for the sender's eyes.
public enum TargetError: Error, Hashable, Sendable, CustomStringConvertible {
    case notExactlyOne
    case unknownMember(String)
    case invalidClient(String)
    case invalidGroup
    case invalidLabels
    case tooManyClients
    case noClients

    public var description: String {
        switch self {
        case .notExactlyOne: "'to' must have exactly one of client, clients, group, labels and all"
        case .unknownMember(let name): "'to' has the unknown member '\(name)'"
        case .invalidClient(let name):
            "'\(name)' is not a client id: 1-128 characters of A-Z a-z 0-9 . _ : @ -"
        case .invalidGroup: "'to.group' is not a group name: 1-128 characters of A-Z a-z 0-9 . _ : @ -"
        case .invalidLabels:
            "'to.labels' must be an object of 1-\(Target.maximumLabels) strings, with names of "
                + "\(Target.maximumLabelBytes.name) and values of \(Target.maximumLabelBytes.value) bytes at most"
        case .tooManyClients: "'to.clients' names more than \(Target.maximumClients) clients"
        case .noClients: "'to.clients' must be a list of client ids"
        }
    }
}

extension Target {
    /// Reads the object behind `to`.
    ///
    /// - Throws: ``TargetError`` unless it names exactly one target.
    public init(parsing to: JSONDocument) throws(TargetError) {
        guard let member = to.members.first, to.members.count == 1 else { throw .notExactlyOne }
        let value = member.value
        switch member.name {
        case "client":
            self = .client(try Target.client(to, value))
        case "clients":
            guard let elements = to.elements(value), !elements.isEmpty else { throw .noClients }
            guard elements.count <= Target.maximumClients else { throw .tooManyClients }
            var clients: [ClientID] = []
            var seen: Set<ClientID> = []
            for element in elements {
                let client = try Target.client(to, element)
                // Named twice is meant once: nothing may be counted or delivered twice.
                if seen.insert(client).inserted { clients.append(client) }
            }
            self = .clients(clients)
        case "group":
            guard let name = to.string(value), let group = GroupName(rawValue: name) else { throw .invalidGroup }
            self = .group(group)
        case "labels":
            guard let labels = to.stringMap(value, limit: Target.maximumLabels), !labels.isEmpty,
                Target.areShort(labels)
            else { throw .invalidLabels }
            self = .labels(labels)
        case "all":
            guard to.boolean(value) == true else { throw .notExactlyOne }
            self = .all
        default: throw .unknownMember(member.name)
        }
    }

    private static func client(_ to: JSONDocument, _ value: JSONSlice) throws(TargetError) -> ClientID {
        guard let name = to.string(value) else { throw .invalidClient("") }
        guard let client = ClientID(rawValue: name) else { throw .invalidClient(name.prefix(bytes: 128)) }
        return client
    }
}
