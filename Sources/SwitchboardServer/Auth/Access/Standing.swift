import Synchronization

/// A caller that is served for longer than a moment: what has let it in may be gone before the answer has ended.
final class Standing: Sendable {
    private struct State {
        var principal: Principal
        var version: Int
    }

    private let authenticator: Authenticator
    private let authorization: [String]
    private let access: RouteAccess
    private let state: Mutex<State>

    /// - Parameters:
    ///   - principal: Whom `authorization` has shown.
    ///   - version: ``Authenticator/version``, as it was before that was found out.
    init(
        _ authenticator: Authenticator, _ principal: Principal, showing authorization: [String], access: RouteAccess,
        version: Int
    ) {
        self.authenticator = authenticator
        self.authorization = authorization
        self.access = access
        state = Mutex(State(principal: principal, version: version))
    }

    var principal: Principal { state.withLock { $0.principal } }

    /// Why the caller would not be let in any more; nil while it would. It costs nothing worth mentioning while no key has
    /// changed.
    var refusal: Refusal? {
        let version = authenticator.version
        let isSettled = state.withLock { $0.version == version && !authenticator.hasEnded($0.principal) }
        guard !isSettled else { return nil }
        switch authenticator.principal(authorization) {
        case .known(let principal):
            do throws(Refusal) { try access.check(principal) } catch { return error }
            state.withLock { $0 = State(principal: principal, version: version) }
            return nil
        case .refused(let refusal): return refusal
        // The newest set of keys has no such key.
        case .waits(_, let otherwise): return otherwise
        }
    }
}
