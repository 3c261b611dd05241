import NIOCore
import SwitchboardAgent

/// This machine's health; each report's processor use covers the time since the one before.
actor HealthWork {
    private let fields: [HealthField]
    private var previous: MachineHealth?

    /// - Parameter fields: What is said beside it.
    init(fields: [HealthField]) { self.fields = fields }

    func report() -> ByteBuffer {
        let health = MachineHealth.current(after: previous)
        previous = health
        return health.encoded(with: fields)
    }
}
