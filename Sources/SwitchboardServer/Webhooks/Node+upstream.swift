import SwitchboardCore
import SwitchboardProtocol

extension Node {
    /// Accepts a message of a client for the backends, wherever they want to have it. When it goes to two places and only one takes
    /// it, the client is told that it was not accepted; its repetition goes to the other alone.
    ///
    /// - Parameter completion: As of ``PresenceStore/accept(_:completion:)``.
    func accept(
        _ message: UpstreamMessage, epoch: UInt64, completion: @escaping @Sendable (Result<Bool, BusError>) -> Void
    ) {
        guard configuration.upstream.isWebhook, let webhooks else {
            return store.accept(message, completion: completion)
        }
        guard configuration.upstream.isStream else {
            return webhooks.message(message, epoch: epoch, completion: completion)
        }
        webhooks.message(message, epoch: epoch) { [store] result in
            guard case .success(let isNew) = result else { return completion(result) }
            store.accept(message) { completion($0.map { $0 || isNew }) }
        }
    }
}
