/// The names of keys and channels. Those that one script or transaction touches share a hash tag, so that they are on one slot
/// of a Redis Cluster: the braces are part of the names.
struct RedisKeys: Sendable {
    /// `sb:push`: the shared channel.
    let push: String
    /// `sb:node:{ID}`: one node's channel.
    let nodeChannel: KeyPattern
    /// `sb:node:{ID}:clients`: a node's sessions, as `CLIENT SESSION`.
    let nodeClients: KeyPattern
    /// `sb:client:{ID}`: presence.
    let client: KeyPattern
    /// `sb:client:{ID}:connects`: how often it connected lately.
    let clientConnects: KeyPattern
    /// `sb:mailbox:{ID}`: a stream of durable pushes; on the slot of the client's presence. It goes some hours after its last
    /// push has expired.
    let mailbox: KeyPattern
    /// `sb:mailbox:{ID}:index`: a hash of what is known of a mailbox as a whole, with the offsets by collapse key; it goes with
    /// the mailbox.
    let mailboxIndex: KeyPattern
    /// `sb:mailboxes`: a zset, client -> the next expiry in its mailbox or some time before. Who has no mail any more leaves it
    /// when that time comes.
    let mailboxes: String
    /// `{sb:mailboxes}:cleaning`: a zset, client -> when another node may clean its mailbox; the tag is the name of the zset that
    /// it goes with.
    let mailboxesInWork: String
    /// `sb:history:{CHANNEL}`: a stream of durable pushes to `all` or `group:NAME`. It goes some hours after its last push has
    /// expired. In a Redis Cluster `{sb:push}:history:CHANNEL`: on the slot of the shared channel, to which the same script publishes.
    let history: KeyPattern
    /// `sb:history:{CHANNEL}:state`: a hash with the history's epoch and newest offset; it goes with the history, or a day after
    /// a client has asked for a history that never was. In a Redis Cluster `{sb:push}:history-state:CHANNEL`: told apart before the
    /// channel, since behind it anything may be part of its name.
    let historyState: KeyPattern
    /// `sb:idem:KEY`: what was answered to an idempotency key; expires.
    let idempotency: KeyPattern
    /// `sb:command:ID`: what became of a command; expires.
    let command: KeyPattern
    /// `sb:pushes:ID`: a list, the log of a push, bounded; expires.
    let pushLog: KeyPattern
    /// `sb:clients`: the ids of all clients with a record, in order.
    let clients: String
    /// `sb:nodes`: node id -> end of its lease.
    let nodes: String
    /// `{sb:nodes}:info`: node id -> description; the tag is the name of the zset that it goes with.
    let nodesInfo: String
    /// `sb:upstream`: what clients sent up.
    let upstream: String
    /// `{sb:upstream}:id:CLIENT/ID`: message ids of the last minutes; the tag is the name of the stream.
    let upstreamID: KeyPattern
    let webhooks: WebhookKeys
    let rollouts: RolloutKeys

    /// What the name of every node's channel begins with, for scripts that look the node up.
    let nodeChannelHead: String

    init(prefix: String, isCluster: Bool = false) {
        push = "\(prefix):push"
        nodeChannelHead = "\(prefix):node:{"
        nodeChannel = KeyPattern("\(prefix):node:{", "}")
        nodeClients = KeyPattern("\(prefix):node:{", "}:clients")
        client = KeyPattern("\(prefix):client:{", "}")
        clientConnects = KeyPattern("\(prefix):client:{", "}:connects")
        mailbox = KeyPattern("\(prefix):mailbox:{", "}")
        mailboxIndex = KeyPattern("\(prefix):mailbox:{", "}:index")
        mailboxes = "\(prefix):mailboxes"
        mailboxesInWork = "{\(prefix):mailboxes}:cleaning"
        history = isCluster ? KeyPattern("{\(push)}:history:", "") : KeyPattern("\(prefix):history:{", "}")
        historyState =
            isCluster ? KeyPattern("{\(push)}:history-state:", "") : KeyPattern("\(prefix):history:{", "}:state")
        idempotency = KeyPattern("\(prefix):idem:", "")
        command = KeyPattern("\(prefix):command:", "")
        pushLog = KeyPattern("\(prefix):pushes:", "")
        clients = "\(prefix):clients"
        nodes = "\(prefix):nodes"
        nodesInfo = "{\(prefix):nodes}:info"
        upstream = "\(prefix):upstream"
        upstreamID = KeyPattern("{\(prefix):upstream}:id:", "")
        webhooks = WebhookKeys(prefix: prefix)
        rollouts = RolloutKeys(prefix: prefix)
    }
}
