import SwitchboardCore

/// The keys of the webhooks; the tag puts all of them on the slot of the stream.
struct WebhookKeys: Sendable {
    /// `sb:webhooks`: a stream, the events that wait.
    let queue: String
    /// `{sb:webhooks}:dead`: a stream, those that were given up.
    let dead: String
    /// `{sb:webhooks}:state`: a hash, counts and the last failure.
    let state: String
    /// `{sb:webhooks}:tries`: a hash, how often the events that wait were tried.
    let tries: String
    /// `{sb:webhooks}:leases`: a hash, lane -> the worker that has it.
    let leases: String
    /// `{sb:webhooks}:live`: a hash, client -> its session, as the backends know it.
    let live: String
    /// `{sb:webhooks}:lost`: a zset, client -> when its loss is told.
    let losses: String
    /// `{sb:webhooks}:lane:N`: zsets, event -> when it is due.
    let lanes: [String]
    /// `{sb:webhooks}:id:CLIENT/ID`: message ids of the last minutes.
    let messageID: KeyPattern

    /// The number of those that every script takes ...
    static let common = 7
    /// ... and with all lanes.
    static let all = common + WebhookLane.count

    init(prefix: String) {
        let head = "{\(prefix):webhooks}:"
        queue = "\(prefix):webhooks"
        dead = head + "dead"
        state = head + "state"
        tries = head + "tries"
        leases = head + "leases"
        live = head + "live"
        losses = head + "lost"
        lanes = (0..<WebhookLane.count).map { head + "lane:\($0)" }
        messageID = KeyPattern(head + "id:", "")
    }
}

extension CommandBuffer {
    mutating func webhookKeys(_ keys: WebhookKeys) {
        for key in [keys.queue, keys.dead, keys.state, keys.tries, keys.leases, keys.live, keys.losses] {
            argument(key)
        }
    }

    mutating func webhookKeys(_ keys: WebhookKeys, lane: Int) {
        webhookKeys(keys)
        argument(keys.lanes[lane])
    }

    mutating func allWebhookKeys(_ keys: WebhookKeys) {
        webhookKeys(keys)
        for lane in keys.lanes { argument(lane) }
    }
}
