import FoundationEssentials
package import SwitchboardProtocol

/// Where and how to connect, taken from a URL.
package struct Endpoint: Equatable, Sendable {
    var host: String
    var port: Int
    var isSecure: Bool
    package var path: String
    /// The query that the URL itself had, percent-encoded.
    var query: String?

    init(_ text: String) throws(AgentError) {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            let host = parts.host, !host.isEmpty
        else { throw .invalidConfiguration("\(Self.shown(text)) is not a URL like ws://host:port/ws") }
        switch scheme {
        case "ws", "http": isSecure = false
        case "wss", "https": isSecure = true
        default: throw .invalidConfiguration("'\(scheme)' is not ws, wss, http or https")
        }
        guard (0...65_535).contains(parts.port ?? 0) else {
            throw .invalidConfiguration("\(Self.shown(text)) names no valid port")
        }
        self.host = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        port = parts.port ?? (isSecure ? 443 : 80)
        path = parts.percentEncodedPath.isEmpty || parts.percentEncodedPath == "/" ? "/ws" : parts.percentEncodedPath
        query = parts.percentEncodedQuery
    }

    /// A URL may have a password, or a token in its query: then it is not repeated.
    private static func shown(_ url: String) -> String {
        url.contains { "@?#".contains($0) } ? "the URL" : "'\(url)'"
    }

    /// The value of the header `Host`.
    package var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// Nobody but the two ends sees what is sent: there is TLS, or both are on this machine.
    var keepsSecrets: Bool {
        isSecure || host == "localhost" || host == "::1" || host.hasPrefix("127.") && serverName == nil
    }

    /// The name for SNI and for the certificate check; nil for an address (RFC 6066 section 3).
    var serverName: String? {
        let isAddress = host.contains(":") || host.allSatisfy { $0.isNumber || $0 == "." }
        return isAddress ? nil : host
    }

    /// The request target, with the client's name, groups and labels in the query; `hello=1` announces a hello of ours.
    package func target(client: ClientID?, groups: [GroupName], labels: [String: String]) -> String {
        var items: [String] = []
        if let query, !query.isEmpty { items.append(query) }
        if let client { items.append("clientId=" + Self.encoded(client.rawValue)) }
        items += groups.map { "group=" + Self.encoded($0.rawValue) }
        items += labels.sorted { $0.key < $1.key }.map { "label.\(Self.encoded($0.key))=\(Self.encoded($0.value))" }
        items.append("hello=1")
        return path + "?" + items.joined(separator: "&")
    }

    /// Percent-encodes all but the unreserved characters (RFC 3986 section 2.3).
    private static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.count == 1 ? "%0" + digits : "%" + digits
            }
        }
        return result
    }
}
