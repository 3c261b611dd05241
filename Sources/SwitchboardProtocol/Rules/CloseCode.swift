/// The WebSocket close codes of Switchboard. The range alone tells a client what to do.
public struct CloseCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let normal = CloseCode(rawValue: 1000)
    public static let goingAway = CloseCode(rawValue: 1001)
    public static let protocolError = CloseCode(rawValue: 1002)
    /// Never on the wire (RFC 6455 section 7.4.1): a close frame came without a code.
    public static let noStatus = CloseCode(rawValue: 1005)
    /// Never on the wire (RFC 6455 section 7.4.1): the connection ended without a close frame.
    public static let abnormal = CloseCode(rawValue: 1006)
    public static let invalidPayload = CloseCode(rawValue: 1007)
    public static let messageTooBig = CloseCode(rawValue: 1009)

    public static let unauthenticated = CloseCode(rawValue: 4001)
    public static let forbidden = CloseCode(rawValue: 4002)
    public static let replaced = CloseCode(rawValue: 4003)
    public static let closedByOperator = CloseCode(rawValue: 4004)
    public static let malformedMessage = CloseCode(rawValue: 4006)
    public static let overloaded = CloseCode(rawValue: 4100)
    public static let slowConsumer = CloseCode(rawValue: 4101)
    public static let inboundRateExceeded = CloseCode(rawValue: 4102)
    public static let tokenExpired = CloseCode(rawValue: 4105)
    public static let nodeDraining = CloseCode(rawValue: 4200)
    public static let rebalanced = CloseCode(rawValue: 4201)
    public static let noPong = CloseCode(rawValue: 4202)

    /// What a client does after the connection was closed with this code.
    public enum Advice: Hashable, Sendable {
        /// Reconnecting would end the same way: stop, with an error a person can read.
        case stop
        /// Reconnect with the back-off.
        case backOff
        /// Reconnect after the delay that the reason names (`after=SECONDS`), or at once.
        case afterDelay
    }

    public var advice: Advice {
        switch rawValue {
        case 4000...4099: .stop
        case 4200...4299: .afterDelay
        default: .backOff
        }
    }

    /// RFC 6455 section 7.4: the codes that a peer may put into a close frame.
    public var mayBeSent: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }

    /// The longest close reason in bytes: a control frame holds 125 (RFC 6455 section 5.5), two of them the code.
    public static let maximumReasonBytes = 123

    /// The longest prefix of `reason` that fits a close frame without splitting a character.
    public static func fitted(reason: String) -> String {
        reason.prefix(bytes: maximumReasonBytes)
    }

    /// The delay in seconds that a close reason names as `after=SECONDS`.
    public static func delay(inReason reason: String) -> Double? {
        for word in reason.split(whereSeparator: { $0 == " " || $0 == ";" || $0 == "," }) where word.hasPrefix("after=")
        {
            if let seconds = Double(word.dropFirst(6)), seconds >= 0, seconds.isFinite { return seconds }
        }
        return nil
    }
}
