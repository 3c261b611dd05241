import FoundationEssentials
import SwitchboardCore
public import SwitchboardProtocol

/// Names an API key: in logs, in metrics and in the file.
public struct KeyName: Identifier {
    public let rawValue: String
    public init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// The API keys that are accepted: any number at once, so that one can replace another.
///
/// The file has a line for each, and `#` before what is a remark:
///
/// ```
/// shop-backend  push,read  sha256:2cf24dba…  2027-01-01T00:00:00Z
/// ```
public struct KeyRing: Sendable {
    /// The most keys: all are compared for each request.
    static let maximum = 1000

    public struct Entry: Sendable {
        public let name: KeyName
        public let scopes: Scopes
        public let hash: KeyHash
        /// Unix time in seconds; nil when it never expires.
        public let expiresAt: Double?

        public init(name: KeyName, scopes: Scopes, hash: KeyHash, expiresAt: Double? = nil) {
            self.name = name
            self.scopes = scopes
            self.hash = hash
            self.expiresAt = expiresAt
        }

        /// Its line in the file.
        public var line: String {
            let end = expiresAt.map { [Date(timeIntervalSince1970: $0).formatted(.iso8601)] } ?? []
            return ([name.rawValue, scopes.description, hash.description] + end).joined(separator: "  ")
        }
    }

    public let entries: [Entry]

    /// - Throws: one line that names the first line that is wrong.
    public init(parsing text: String, path: String) throws(ServerConfiguration.Problem) {
        var entries: [Entry] = []
        var names: Set<KeyName> = []
        var hashes: Set<KeyHash> = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            guard !words.isEmpty else { continue }
            let place = "\(path):\(index + 1)"
            let entry = try Self.entry(words, place)
            guard names.insert(entry.name).inserted else {
                throw ServerConfiguration.Problem("\(place): there is another key of the name '\(entry.name)'")
            }
            guard hashes.insert(entry.hash).inserted else {
                throw ServerConfiguration.Problem("\(place): the same key is there under another name")
            }
            entries.append(entry)
            guard entries.count <= Self.maximum else {
                throw ServerConfiguration.Problem("\(path): there are more than \(Self.maximum) keys")
            }
        }
        self.entries = entries
    }

    /// Of no word that is wrong is anything shown: somebody may have put a key where its hash belongs.
    private static func entry(
        _ words: [Substring], _ place: String
    ) throws(ServerConfiguration.Problem) -> Entry {
        guard (3...4).contains(words.count) else {
            throw ServerConfiguration.Problem(
                "\(place): give a name, scopes, a hash and perhaps a time at which the key expires")
        }
        guard let name = KeyName(rawValue: String(words[0])) else {
            throw ServerConfiguration.Problem("\(place): a name has 1-128 characters of A-Z a-z 0-9 . _ : @ -")
        }
        guard let scopes = Scopes(names: words[1].split(separator: ",")) else {
            throw ServerConfiguration.Problem(
                "\(place): scopes are \(Scopes.all.map(\.name).joined(separator: ", ")), with commas between them")
        }
        guard let hash = KeyHash(words[2]) else {
            throw ServerConfiguration.Problem("\(place): a hash is sha256: and 64 hexadecimal digits")
        }
        guard words.count == 4 else { return Entry(name: name, scopes: scopes, hash: hash) }
        guard let end = try? Date.ISO8601FormatStyle().parse(String(words[3])) else {
            throw ServerConfiguration.Problem("\(place): a time looks like 2027-01-01T00:00:00Z")
        }
        return Entry(name: name, scopes: scopes, hash: hash, expiresAt: end.timeIntervalSince1970)
    }

    /// Compares with all keys, so that the time it takes tells nothing of where they differ.
    ///
    /// - Parameter now: Unix time in seconds.
    func principal(_ key: String, now: Double) throws(Refusal) -> Principal {
        guard key.utf8.count <= APIKey.maximumLength else { throw .unknownKey }
        let hash = KeyHash(of: key)
        var found: UInt64 = 0
        for (index, entry) in entries.enumerated() { found |= entry.hash.matches(hash) &* UInt64(index + 1) }
        guard found > 0, found <= UInt64(entries.count) else { throw .unknownKey }
        let entry = entries[Int(found) - 1]
        if let end = entry.expiresAt, now >= end { throw .keyExpired }
        return Principal(kind: .key, name: entry.name.rawValue, scopes: entry.scopes, expiresAt: entry.expiresAt)
    }
}
