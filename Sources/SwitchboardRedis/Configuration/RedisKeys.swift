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

    /// What the name of every node's channel begins with, for scripts that look the node up.
    let nodeChannelHead: String

    init(prefix: String) {
        push = "\(prefix):push"
        nodeChannelHead = "\(prefix):node:{"
        nodeChannel = KeyPattern("\(prefix):node:{", "}")
        nodeClients = KeyPattern("\(prefix):node:{", "}:clients")
        client = KeyPattern("\(prefix):client:{", "}")
        clientConnects = KeyPattern("\(prefix):client:{", "}:connects")
        clients = "\(prefix):clients"
        nodes = "\(prefix):nodes"
        nodesInfo = "{\(prefix):nodes}:info"
        upstream = "\(prefix):upstream"
        upstreamID = KeyPattern("{\(prefix):upstream}:id:", "")
    }
}
