import DequeModule
import SwitchboardCore
import SwitchboardProtocol

/// A session that has ended, and why.
struct ClosedSession: Sendable {
    let client: ClientID
    let session: SessionID
    let code: CloseCode
    let reason: String
    /// Unix milliseconds, both.
    let connectedAt: UInt64
    let at: UInt64
}

/// The newest closes of one event loop.
struct CloseLog: Sendable {
    /// How many are kept.
    static let limit = 100

    private(set) var newest: Deque<ClosedSession> = []

    mutating func add(_ close: ClosedSession) {
        if newest.count == Self.limit { newest.removeFirst() }
        newest.append(close)
    }
}

extension JSONObjectWriter {
    mutating func closing(_ close: ClosedSession) {
        string("session", close.session.rawValue)
        integer("code", Int(close.code.rawValue))
        string("reason", close.reason)
        // The wall clock may have been set back meanwhile.
        number("duration", Double(close.at > close.connectedAt ? close.at - close.connectedAt : 0) / 1000)
    }
}
