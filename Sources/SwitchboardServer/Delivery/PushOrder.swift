import SwitchboardCore
import SwitchboardProtocol

/// What a backend asks for with a push, checked.
struct PushOrder: Sendable {
    let target: Target
    let payload: Payload
    var options = Options()
    /// The backend's trace, when it named one.
    var trace: TraceContext?

    struct Options: Sendable {
        /// An offline client is an error.
        var failsOffline = false
        /// nil for a transient push.
        var keeping: Keeping?
        /// Chosen by the backend: names the push and makes its repetition harmless.
        var id: PushID?
        /// Seconds for which the answer waits for acks.
        var wait: Double?
    }

    /// How a durable push is kept.
    struct Keeping: Sendable {
        /// Seconds; nil for the configured default.
        var timeToLive: Int?
        /// A newer push with the same key replaces this one while it waits.
        var collapse: String?
    }
}

/// Why a push was not carried out.
enum PushFailure: Error, Hashable, Sendable {
    case bus(BusError)
    case mailboxFull(MailboxSize)
}
