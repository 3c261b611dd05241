import FoundationEssentials
import SwitchboardCore
import SwitchboardProtocol

extension JSONObjectWriter {
    /// A time as RFC 3339 in UTC, with milliseconds.
    mutating func time(_ name: StaticString, _ milliseconds: UInt64?) {
        guard let milliseconds else { return }
        // The format cuts off what is below a millisecond, and a Double has a little less than most of them.
        let date = Date(timeIntervalSince1970: (Double(milliseconds) + 0.5) / 1000)
        string(name, date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
    }

    /// The members of a client; what is not known is left out.
    ///
    /// - Parameter rules: By which its level is found.
    mutating func client(_ client: ClientPresence, rules: [AlertRule]) {
        string("clientId", client.client.rawValue)
        string("state", client.state.rawValue)
        if let node = client.node { string("node", node.rawValue) }
        if let session = client.session { string("session", session.rawValue) }
        integer("epoch", Int(clamping: client.epoch))
        if let address = client.address { string("address", address) }
        if let userAgent = client.userAgent { string("userAgent", userAgent) }
        time("connectedAt", client.connectedAt)
        time("lastSeenAt", client.lastSeenAt)
        if let roundTrip = client.roundTrip { number("rtt", (roundTrip * 1000).rounded() / 1000) }
        strings("groups", client.groups.map(\.rawValue))
        strings("labels", client.labels)
        if let health = client.health {
            if let reading = HealthReading(health) {
                let level = rules.level(of: reading, isOnline: client.state == .online)
                string("level", level?.rawValue ?? "ok")
            }
            verbatim("health", health)
        }
        time("disconnectedAt", client.disconnectedAt)
        if let code = client.closeCode { integer("closeCode", Int(code)) }
        if let reason = client.closeReason { string("closeReason", reason) }
    }
}
