import SwitchboardCore
import SwitchboardProtocol

/// The id of a request, for `X-Request-Id`.
enum RequestID {
    static func new() -> String { SessionID.random().rawValue }

    /// The caller's own id, when it is fit for a header and a log line.
    static func accepted(_ given: String?) -> String? {
        given.flatMap { ClientID(rawValue: $0)?.rawValue }
    }
}
