/// What a server of a Redis Cluster says when it does not carry a command out. Nothing was done then, so it can be sent again.
enum Redirection: Hashable {
    /// The slot is on another master for good.
    case moved(slot: Int, to: RedisEndpoint)
    /// The slot is on its way to another master, and the key is there already.
    case ask(RedisEndpoint)
    /// The slot is on its way, and some of the keys are here, some there: wait.
    case tryAgain

    /// - Parameters:
    ///   - text: An error reply.
    ///   - host: Whom it came from.
    /// - Returns: nil for any other error.
    init?(_ text: String, from host: String) {
        let words = text.split(separator: " ")
        switch words.first {
        case "MOVED":
            guard words.count >= 3, let slot = Int(words[1]), (0..<KeySlot.count).contains(slot),
                let endpoint = RedisEndpoint(redirection: words[2], fallback: host)
            else { return nil }
            self = .moved(slot: slot, to: endpoint)
        case "ASK":
            guard words.count >= 3, let endpoint = RedisEndpoint(redirection: words[2], fallback: host) else {
                return nil
            }
            self = .ask(endpoint)
        case "TRYAGAIN": self = .tryAgain
        default: return nil
        }
    }
}
