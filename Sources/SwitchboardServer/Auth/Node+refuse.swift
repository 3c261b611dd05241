import Logging

extension Node {
    /// Notes that somebody is not let in.
    ///
    /// - Returns: The answer to that.
    func refuse(_ refusal: Refusal, _ kind: AuthTally.Kind) -> Problem {
        authenticator.tally.count(refusal, of: kind)
        logger.debug("somebody was not let in", metadata: ["kind": "\(kind)", "reason": "\(refusal.reason.rawValue)"])
        return Problem(refusal)
    }
}
