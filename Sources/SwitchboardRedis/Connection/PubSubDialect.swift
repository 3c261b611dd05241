/// How to publish and listen: plainly, or on the sharded channels of a Redis Cluster, which only the servers of one slot have.
struct PubSubDialect: Sendable {
    let publish: StaticString
    let subscribe: StaticString
    /// What a message, a confirmation and the end of a subscription begin with.
    let message: String
    let confirmation: String
    let end: String

    static let plain = PubSubDialect(
        publish: "PUBLISH", subscribe: "SUBSCRIBE", message: "message", confirmation: "subscribe", end: "unsubscribe")
    static let sharded = PubSubDialect(
        publish: "SPUBLISH", subscribe: "SSUBSCRIBE", message: "smessage", confirmation: "ssubscribe",
        end: "sunsubscribe")
}
