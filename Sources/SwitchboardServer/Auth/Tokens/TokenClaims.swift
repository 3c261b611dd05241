import SwitchboardProtocol

/// What a token whose signature is right says.
///
/// | claim | |
/// |---|---|
/// | `exp` | when it ends, and with it the session; it must be there |
/// | `nbf`, `aud`, `iss` | from when on, for whom and from whom it is (RFC 7519 section 4.1) |
/// | `sub` | of a client: its id; of a backend: its name |
/// | `groups` | of a client: the groups it is put in |
/// | `join` | of a client: further groups it may join by itself, such as `chat:*` |
/// | `publish` | of a client: groups that it may publish to, such as `chat:*` |
/// | `labels` | of a client: its labels |
/// | `scope` | of a backend: `push`, `read`, `admin`, in one text (RFC 8693 section 4.2) or a list |
struct TokenClaims: Sendable {
    let expiresAt: Double
    let notBefore: Double?
    /// nil when it is for nobody in particular.
    let audience: [String]?
    let issuer: String?
    private let signer: KeyHash?
    private let document: JSONDocument

    /// The end of the year 9999; later is as good as never.
    private static let latest = 253_402_300_799.0

    /// - Parameter signer: The ``TokenKey/fingerprint`` of the key that has verified them.
    init(_ document: JSONDocument, signer: KeyHash? = nil) throws(Refusal) {
        self.document = document
        self.signer = signer
        guard let end = try Self.time(document, "exp") else { throw .missingClaim("exp") }
        expiresAt = min(end, Self.latest)
        notBefore = try Self.time(document, "nbf")
        audience = try Self.texts(document, "aud")
        issuer = try Self.text(document, "iss")
    }

    /// - Parameter maximumGroups: The most groups of a session; 0 is no limit.
    func client(maximumGroups: Int) throws(Refusal) -> ClientGrant {
        guard let subject = try Self.text(document, "sub") else { throw .missingClaim("sub") }
        guard let client = ClientID(rawValue: subject) else {
            throw .invalidClaim("sub", "a client id: 1-128 characters of A-Z a-z 0-9 . _ : @ -")
        }
        let groups = try list("groups", "a list of names of groups", GroupName.init(rawValue:))
        guard maximumGroups == 0 || groups.count <= maximumGroups else {
            throw .invalidClaim("groups", "a list of at most \(maximumGroups) groups")
        }
        return ClientGrant(
            client: client, groups: groups,
            joinable: try list("join", "a list of groups, or of the beginning of one and *", GroupPattern.init),
            labels: try labels(), expiresAt: expiresAt, signer: signer,
            publishable: try list("publish", "a list of groups, or of the beginning of one and *", GroupPattern.init))
    }

    func principal() throws(Refusal) -> Principal {
        guard let slice = document["scope"] else { throw .missingClaim("scope") }
        let names: [String]
        if let text = document.string(slice) {
            names = text.split(separator: " ").map(String.init)
        } else {
            names = try Self.texts(document, "scope") ?? []
        }
        // What a token of somebody else's is for may be something else altogether.
        let name = (try Self.text(document, "sub")).flatMap(ClientID.init(rawValue:))?.rawValue ?? "token"
        return Principal(kind: .token, name: name, scopes: Scopes(known: names), expiresAt: expiresAt)
    }

    private func labels() throws(Refusal) -> [String: String] {
        guard let slice = document["labels"] else { return [:] }
        guard let labels = document.stringMap(slice, limit: Target.maximumLabels) else {
            throw .invalidClaim("labels", "an object of at most \(Target.maximumLabels) texts")
        }
        return labels
    }

    /// A list without repetitions.
    private func list<Element: Hashable>(
        _ name: StaticString, _ rule: String, _ make: (String) -> Element?
    ) throws(Refusal) -> [Element] {
        guard let slice = document["\(name)"] else { return [] }
        guard let elements = document.elements(slice) else { throw .invalidClaim(name, rule) }
        var known: Set<Element> = []
        var all: [Element] = []
        for element in elements {
            guard let value = document.string(element).flatMap(make) else { throw .invalidClaim(name, rule) }
            if known.insert(value).inserted { all.append(value) }
        }
        return all
    }

    private static func time(_ document: JSONDocument, _ name: StaticString) throws(Refusal) -> Double? {
        guard let slice = document["\(name)"] else { return nil }
        guard let time = document.number(slice) else { throw .invalidClaim(name, "a number of seconds") }
        return time
    }

    private static func text(_ document: JSONDocument, _ name: StaticString) throws(Refusal) -> String? {
        guard let slice = document["\(name)"] else { return nil }
        guard let text = document.string(slice) else { throw .invalidClaim(name, "a text") }
        return text
    }

    /// One text or a list of them.
    private static func texts(_ document: JSONDocument, _ name: StaticString) throws(Refusal) -> [String]? {
        guard let slice = document["\(name)"] else { return nil }
        if let text = document.string(slice) { return [text] }
        guard let elements = document.elements(slice) else { throw .invalidClaim(name, "a text or a list of them") }
        var texts: [String] = []
        for element in elements {
            guard let text = document.string(element) else { throw .invalidClaim(name, "a text or a list of them") }
            texts.append(text)
        }
        return texts
    }
}
