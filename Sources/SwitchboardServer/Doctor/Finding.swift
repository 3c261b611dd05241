/// What one check of a node's surroundings came to.
public struct Finding: Sendable, Hashable {
    public enum State: String, Sendable {
        case ok
        /// It could not be found out; no reason to worry by itself.
        case unknown
        case problem
    }

    /// What was checked: `redis.version`.
    public let check: String
    public let state: State
    /// What is the case, in one line.
    public let found: String
    /// What to change; nil when nothing is wrong.
    public let advice: String?

    private init(_ check: String, _ state: State, _ found: String, _ advice: String?) {
        self.check = check
        self.state = state
        self.found = found
        self.advice = advice
    }

    public static func ok(_ check: String, _ found: String) -> Finding { Finding(check, .ok, found, nil) }

    public static func unknown(_ check: String, _ found: String, advice: String? = nil) -> Finding {
        Finding(check, .unknown, found, advice)
    }

    public static func problem(_ check: String, _ found: String, advice: String) -> Finding {
        Finding(check, .problem, found, advice)
    }
}
