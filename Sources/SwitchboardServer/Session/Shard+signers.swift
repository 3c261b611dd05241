import NIOCore
import SwitchboardProtocol

/// A key for tokens that is taken out takes the sessions that it let in along.
extension Shard {
    /// Seconds over which they are closed: they come back with other tokens, or try to.
    static let signersSpread = 3.0

    /// Called now and then. It costs nothing worth mentioning while no key has changed.
    func checkSigners() {
        guard let version = node.authenticator.signers?.version, version != signersVersion else { return }
        signersVersion = version
        for slot in table.slots where slot.isOpen {
            guard let session = slot.session, !session.hasTrustedSigner else { continue }
            let delay = Int64(Double.random(in: 0...Self.signersSpread) * 1000)
            loop.scheduleTask(in: .milliseconds(delay)) { [self, place = session.place] in
                // Meanwhile it may have brought another token, or the key may be back.
                guard let session = openSession(at: place), !session.hasTrustedSigner else { return }
                session.closeForSigner()
            }
        }
    }
}

extension Session {
    /// Whether the key of its token is trusted still; so it is for a client without a token.
    var hasTrustedSigner: Bool { access?.signer.map(node.authenticator.trusts) ?? true }

    func closeForSigner() { close(.tokenExpired, reason: "the key of the token is trusted no more") }
}
