import SwitchboardCore
import SwitchboardProtocol

/// How much is kept of durable pushes, and for how long.
struct KeepingLimits: Sendable {
    var mailbox: MailboxLimits
    /// Seconds.
    var mailboxTTL: Int
    /// Pushes of one channel.
    var historyPushes: Int
    /// Seconds.
    var historyTTL: Int

    /// Seconds for which a push is kept that says nothing about it.
    func timeToLive(_ target: Target) -> Int {
        switch target {
        case .client, .clients, .labels: mailboxTTL
        case .group, .all: historyTTL
        }
    }
}
