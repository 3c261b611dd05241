import NIOCore
import SwitchboardProtocol

/// How long a link may be silent, as the node's `hello` says.
struct Heartbeat: Equatable {
    /// Longer than this without any traffic means a dead link; nil when the node sends no heartbeat.
    var longestSilence: TimeAmount?
    /// How often a sign of life is sent while nothing is read; nil when the node expects none.
    var pausedInterval: TimeAmount?

    init() {}

    /// Interval plus timeout; both are bounded, for they come from the other end.
    init(_ hello: ServerFrame.Hello) {
        guard hello.heartbeatInterval > 0 else { return }
        let interval = min(hello.heartbeatInterval, 86_400)
        let timeout = min(max(hello.heartbeatTimeout, 0), 86_400)
        longestSilence = .seconds(max(interval + timeout, 0.05))
        // A ping that is not seen must be answered within the timeout; half of it leaves room for the way.
        pausedInterval = .seconds(max(timeout / 2, 0.02))
    }
}

extension TimeAmount {
    static func seconds(_ seconds: Double) -> TimeAmount { .nanoseconds(Int64(seconds * 1e9)) }
    var seconds: Double { Double(nanoseconds) / 1e9 }
}

extension Double {
    /// At most one digit behind the point, and none when it is whole.
    var brief: String {
        let tenths = (self * 10).rounded() / 10
        return Int(exactly: tenths).map(String.init) ?? "\(tenths)"
    }
}
