public import SwitchboardCore

extension RedisBus {
    /// Fails with ``BusError/unavailable(_:)`` when the link is lost meanwhile, or within two seconds or so.
    public func barrier(completion: @escaping @Sendable (Result<Void, BusError>) -> Void) {
        link.barrier(completion)
    }
}
