/// The keys of roll-outs; those of one share a hash tag.
struct RolloutKeys: Sendable {
    /// `sb:rollout:{ID}`: a hash, its definition, its progress and its lead.
    let state: KeyPattern
    /// `sb:rollout:{ID}:clients`: a list, in the order in which they are begun.
    let clients: KeyPattern
    /// `sb:rollout:{ID}:outcomes`: a hash, place -> what became of the client.
    let outcomes: KeyPattern
    /// `sb:rollouts`: a zset, roll-out -> when it was created. Those that are forgotten leave it when others come, or when it is listed.
    let all: String
    /// `sb:rollouts:active`: a set, those that need a leader.
    let active: String

    init(prefix: String) {
        state = KeyPattern("\(prefix):rollout:{", "}")
        clients = KeyPattern("\(prefix):rollout:{", "}:clients")
        outcomes = KeyPattern("\(prefix):rollout:{", "}:outcomes")
        all = "\(prefix):rollouts"
        active = "\(prefix):rollouts:active"
    }
}
