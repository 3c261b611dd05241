/// What Sentinels say.
enum SentinelReplies {
    /// What is subscribed to.
    static let switched = "+switch-master"

    /// The reply to `SENTINEL GET-MASTER-ADDR-BY-NAME`.
    ///
    /// - Returns: nil when this Sentinel knows no such master.
    static func master(_ reply: RESPReply) -> RedisEndpoint? {
        guard let parts = reply.elements, parts.count == 2 else { return nil }
        return endpoint(host: parts[0].text, port: parts[1].integer)
    }

    /// The reply to `SENTINEL SENTINELS`: the others, each as names and values.
    static func others(_ reply: RESPReply) -> [RedisEndpoint] {
        (reply.elements ?? []).compactMap { sentinel in
            let words = (sentinel.elements ?? []).map { $0.text ?? "" }
            var fields: [String: String] = [:]
            for index in stride(from: 0, to: words.count - 1, by: 2) { fields[words[index]] = words[index + 1] }
            return endpoint(host: fields["ip"], port: fields["port"].flatMap { Int($0) })
        }
    }

    /// What is published on ``switched``: the name, the old address, the new address.
    ///
    /// - Returns: The new master; nil when it is about another one.
    static func newMaster(_ message: String, of name: String) -> RedisEndpoint? {
        let words = message.split(separator: " ")
        guard words.count == 5, words[0] == name else { return nil }
        return endpoint(host: String(words[3]), port: Int(words[4]))
    }

    private static func endpoint(host: String?, port: Int?) -> RedisEndpoint? {
        guard let host, !host.isEmpty, let port, (1...65535).contains(port) else { return nil }
        return RedisEndpoint(host: host, port: port)
    }
}

/// Whom to ask next about the topology: those of the URL and those that were learned since.
struct SourceList {
    /// More are not remembered.
    private static let maximum = 64
    private let configured: [RedisEndpoint]
    private var learned: [RedisEndpoint] = []
    private var position = 0

    init(_ configured: [RedisEndpoint]) { self.configured = configured }

    var all: [RedisEndpoint] { configured + learned }

    /// Each in turn; one that has answered is asked again until it fails.
    var current: RedisEndpoint { all[position % all.count] }

    mutating func currentFailed() { position = (position + 1) % all.count }

    /// Replaces what was learned before, so that what is gone is forgotten; who is asked at present stays that.
    mutating func learn(_ endpoints: [RedisEndpoint]) {
        let now = current
        var known = Set(configured)
        learned = Array(endpoints.filter { known.insert($0).inserted }.prefix(Self.maximum))
        position = all.firstIndex(of: now) ?? 0
    }
}
