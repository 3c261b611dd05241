import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// What the backend says of a client that wants to connect.
enum ConnectingAnswer: Hashable {
    case allowed(ConnectRequest.Grant)
    case refused(Problem)
    /// Nothing that could be understood.
    case unclear(String)

    /// The most characters of a reason.
    private static let reasonLength = 200

    init(_ answer: WebhookAnswer) {
        switch answer {
        case .status(200...299, _, let body): self = Self.allowed(body)
        case .status(let status, let retryAfter, let body) where (400...499).contains(status):
            self = .refused(.connectionRefused(status, Self.reason(body), retryAfter: retryAfter))
        case .status(let status, _, _): self = .unclear("HTTP \(status)")
        case .nothing(let words): self = .unclear(words)
        }
    }

    private static func allowed(_ body: ByteBuffer?) -> ConnectingAnswer {
        guard let body else { return .unclear("the answer is too long") }
        // Anything but an object adds nothing: many a framework says "OK".
        guard body.readableBytesView.first(where: { !" \t\r\n".utf8.contains($0) }) == UInt8(ascii: "{") else {
            return .allowed(ConnectRequest.Grant())
        }
        guard let document = try? JSONDocument(body) else { return .unclear("the answer is no JSON object") }
        var grant = ConnectRequest.Grant()
        if let slice = document["groups"] {
            guard let names = document.elements(slice) else { return .unclear("'groups' is no list") }
            for name in names {
                guard let group = document.string(name).flatMap(GroupName.init(rawValue:)) else {
                    return .unclear("'groups' has something that is no name of a group")
                }
                grant.groups.append(group)
            }
        }
        if let slice = document["labels"] {
            guard let labels = document.stringMap(slice, limit: Target.maximumLabels) else {
                return .unclear("'labels' is no object of at most \(Target.maximumLabels) strings")
            }
            grant.labels = labels
        }
        return .allowed(grant)
    }

    private static func reason(_ body: ByteBuffer?) -> String? {
        guard let body, let document = try? JSONDocument(body), let slice = document["reason"],
            let reason = document.string(slice)
        else { return nil }
        return String(reason.prefix(reasonLength))
    }
}
