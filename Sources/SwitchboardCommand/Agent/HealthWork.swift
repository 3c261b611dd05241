import NIOCore
import SwitchboardAgent

/// This machine's health; each report's processor use covers the time since the one before.
actor HealthWork {
    private var previous: MachineHealth?

    func report() -> ByteBuffer {
        let health = MachineHealth.current(after: previous)
        previous = health
        return health.encoded()
    }
}
