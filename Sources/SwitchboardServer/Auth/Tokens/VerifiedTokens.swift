import Synchronization

/// Backends' tokens that were verified a moment ago: a backend shows the same one with each push, and a signature costs more
/// than the push. Tokens are known by their hash, so that none lies about in memory.
final class VerifiedTokens: Sendable {
    /// The most tokens. Only good ones get in, so nobody without one can fill it.
    static let maximum = 1000

    private struct State {
        var version = 0
        var principals: [KeyHash: Principal] = [:]
    }

    private let state = Mutex(State())

    /// - Parameters:
    ///   - version: Of the set of keys in force: what an older one has verified has to be verified again.
    ///   - now: Unix time in seconds.
    /// - Returns: nil when the token has to be verified.
    func principal(_ token: KeyHash, version: Int, now: Double) -> Principal? {
        state.withLock { state in
            guard state.version == version, let principal = state.principals[token], let end = principal.expiresAt,
                now < end
            else { return nil }
            return principal
        }
    }

    func keep(_ principal: Principal, of token: KeyHash, version: Int) {
        state.withLock { state in
            guard version >= state.version else { return }
            if version > state.version || state.principals.count >= Self.maximum { state.principals.removeAll() }
            state.version = version
            state.principals[token] = principal
        }
    }
}
