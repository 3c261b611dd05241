import SwitchboardCore
import SwitchboardProtocol

/// The options of a push as they were given, in the body or in the query.
struct PushOptionsReader {
    /// Seconds beyond which a time to live is a mistake: 30 days.
    static let maximumTimeToLive = 2_592_000.0
    /// The longest collapse key in bytes.
    static let maximumCollapseLength = 128

    var offline: String?
    var isDurable: Bool?
    /// The inner nil is something that is no number.
    var timeToLive: Double??
    var collapse: String?
    var id: String?

    func checked(for target: Target) throws(Problem) -> PushOrder.Options {
        var options = PushOrder.Options()
        var isDurable = isDurable ?? false
        switch offline {
        case nil, "drop": break
        case "queue":
            guard self.isDurable != false else { throw .invalidRequest("'offline': 'queue' needs 'durable'") }
            isDurable = true
        case "fail":
            guard case .client = target else { throw .invalidRequest("'offline': 'fail' is for one client") }
            guard !isDurable else { throw .invalidRequest("'offline': 'fail' keeps nothing, so it cannot be durable") }
            options.failsOffline = true
        default: throw .invalidRequest("'offline' must be drop, queue or fail")
        }
        if isDurable {
            if case .labels = target { throw .invalidRequest("a durable push is for clients, a group or all") }
            options.keeping = PushOrder.Keeping(timeToLive: try seconds(), collapse: try collapseKey(target))
        } else {
            guard timeToLive == nil else { throw .invalidRequest("'ttl' is for durable pushes") }
            guard collapse == nil else { throw .invalidRequest("'collapse' is for durable pushes") }
        }
        if let id {
            guard let id = PushID(rawValue: id) else {
                throw .invalidRequest("'id' must have 1-128 characters of A-Z a-z 0-9 . _ : @ -")
            }
            options.id = id
        }
        return options
    }

    private func seconds() throws(Problem) -> Int? {
        guard let timeToLive else { return nil }
        guard let seconds = timeToLive, seconds >= 1, seconds <= Self.maximumTimeToLive else {
            throw .invalidRequest("'ttl' must be 1-\(Int(Self.maximumTimeToLive)) seconds")
        }
        return Int(seconds.rounded(.up))
    }

    private func collapseKey(_ target: Target) throws(Problem) -> String? {
        guard let collapse else { return nil }
        switch target {
        case .client, .clients: break
        case .group, .labels, .all: throw .invalidRequest("'collapse' is for clients")
        }
        guard (1...Self.maximumCollapseLength).contains(collapse.utf8.count) else {
            throw .invalidRequest("'collapse' must have 1-\(Self.maximumCollapseLength) bytes")
        }
        return collapse
    }
}

/// `Prefer` (RFC 7240).
enum Preference {
    /// The longest wait in seconds; who wants more gets this.
    static let maximumWait = 60.0

    /// The preferences of a header, names in lower case.
    static func parse(_ header: String) -> [(name: String, value: String)] {
        header.split(separator: ",").map { item in
            let preference = item.prefix { $0 != ";" }
            let parts = preference.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? trimmed(parts[1]) : ""
            return (trimmed(parts[0]).lowercased(), value.trimmingQuotes)
        }
    }

    /// - Returns: Seconds to wait; nil when nothing is said about it.
    static func wait(_ header: String) throws(Problem) -> Double? {
        guard let preference = parse(header).first(where: { $0.name == "wait" }) else { return nil }
        guard let seconds = Int(preference.value), seconds >= 0 else {
            throw .invalidRequest("'Prefer: wait' needs a number of seconds (RFC 7240 section 4.3)")
        }
        return seconds == 0 ? nil : min(Double(seconds), maximumWait)
    }

    static func respondsAsync(_ header: String) -> Bool { parse(header).contains { $0.name == "respond-async" } }

    private static func trimmed(_ text: Substring) -> String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        return String(text.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}

extension String {
    fileprivate var trimmingQuotes: String {
        count >= 2 && hasPrefix("\"") && hasSuffix("\"") ? String(dropFirst().dropLast()) : self
    }
}
