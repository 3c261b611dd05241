import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// What became of a push, told from its journal (``PushJournal``).
struct PushAccount {
    /// Something that happened to it.
    struct Moment: Hashable {
        /// Unix milliseconds.
        var at: UInt64
        var event: String
        var node: String?
        var client: String?
        var count: Int
    }

    /// How a push can end without having been taken.
    enum End: String, CaseIterable {
        case expired, cancelled, displaced, collapsed
    }

    /// What was answered about one of its targets, and what has happened since.
    private struct Part {
        var counts = PushCounts()
        var acks = 0
        var ends = 0

        /// Acks that come later are of clients that had it handed to them, or else have got it from their mailboxes.
        var settled: PushCounts {
            var counts = counts
            counts.acked = max(counts.acked, acks)
            let fetched = min(max(counts.acked - counts.delivered, 0), counts.queued)
            counts.matched += fetched
            counts.delivered += fetched
            counts.queued -= fetched
            counts.offline = max(counts.offline - fetched, 0)
            if fetched > 0 { counts.nodes = max(counts.nodes, 1) }
            counts.queued = max(counts.queued - ends, 0)
            return counts
        }
    }

    private(set) var counts = PushCounts()
    private(set) var ends: [End: Int] = [:]
    private(set) var timeline: [Moment] = []
    /// JSON; nil when the answer has not been given yet.
    private(set) var target: ByteBuffer?
    /// Whether it has been answered; until then nothing is certain.
    private(set) var isAnswered = false
    private var lastEnd: End?

    /// - Parameter log: Entries with the Unix milliseconds at which they were noted, in order.
    init(_ log: [(at: UInt64, entry: ByteBuffer)]) {
        let entries = log.compactMap { entry in (try? JSONDocument(entry.entry)).map { (at: entry.at, json: $0) } }
        var parts: [String: Part] = [:]
        var clients: [String] = []
        // First, since an ack may be noted before the answer that waited for it.
        for (_, json) in entries where json.text("event") == "answered" {
            isAnswered = true
            let client = json["target"].flatMap { json.object($0) }?.text("client") ?? ""
            if client.isEmpty {
                target = json["target"].map { json.bytes(of: $0) }
            } else if parts[client] == nil {
                clients.append(client)
            }
            parts[client, default: Part()].counts = json["counts"].flatMap { json.object($0) }?.counts ?? PushCounts()
        }
        for (at, json) in entries {
            let event = json.text("event") ?? ""
            let (client, node) = (json.text("client"), json.text("node"))
            let count = json.number("clients") ?? 1
            let key = parts.count == 1 ? parts.keys.first ?? "" : client ?? ""
            switch event {
            case "answered":
                let counts = json["counts"].flatMap { json.object($0) }?.counts ?? PushCounts()
                let client = json["target"].flatMap { json.object($0) }?.text("client")
                for (event, count) in counts.moments where count > 0 {
                    timeline.append(Moment(at: at, event: event, node: node, client: client, count: count))
                }
                continue
            case "acked": parts[key, default: Part()].acks += count
            default:
                guard let end = End(rawValue: event) else { continue }
                parts[key, default: Part()].ends += count
                ends[end, default: 0] += count
                lastEnd = end
            }
            timeline.append(Moment(at: at, event: event, node: node, client: client, count: count))
        }
        for part in parts.values.map(\.settled) {
            counts.add(part)
            counts.nodes = max(counts.nodes, part.nodes)
        }
        if target == nil, !clients.isEmpty { target = Self.target(clients) }
    }

    /// In one word. What is still to come says more than what is done, and a loss more than a success.
    var state: String {
        if counts.queued > 0 { return "queued" }
        if let lastEnd { return lastEnd.rawValue }
        if counts.acked > 0, counts.acked >= counts.matched { return "acked" }
        guard isAnswered else { return "pending" }
        if counts.delivered > 0 { return "delivered" }
        return counts.dropped > 0 ? "dropped" : "offline"
    }

    private static func target(_ clients: [String]) -> ByteBuffer {
        return JSONObjectWriter.document { json in
            if clients.count == 1 { json.string("client", clients[0]) } else { json.strings("clients", clients) }
        }
    }
}

extension JSONDocument {
    fileprivate func text(_ name: String) -> String? { self[name].flatMap { string($0) } }

    /// A count. Anybody may have written the journal, and what it says is added up.
    fileprivate func number(_ name: String) -> Int? {
        self[name].flatMap { integer($0) }.map { min(max(0, $0), largestCount) }
    }

    /// With this no sum over a journal overflows.
    private var largestCount: Int { 1_000_000_000 }

    fileprivate var counts: PushCounts {
        var counts = PushCounts()
        counts.matched = number("matched") ?? 0
        counts.delivered = number("delivered") ?? 0
        counts.acked = number("acked") ?? 0
        counts.queued = number("queued") ?? 0
        counts.offline = number("offline") ?? 0
        counts.dropped = number("dropped") ?? 0
        counts.nodes = number("nodes") ?? 0
        return counts
    }
}

extension PushCounts {
    /// What an answer says, as events.
    fileprivate var moments: [(String, Int)] {
        [("delivered", delivered), ("dropped", dropped), ("queued", queued), ("offline", offline - queued)]
    }
}
