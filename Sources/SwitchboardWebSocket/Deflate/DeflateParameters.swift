/// The parameters of one `permessage-deflate` element (RFC 7692 section 7.1), as an offer or as an answer names them.
struct DeflateParameters: Hashable, Sendable {
    static let extensionName = "permessage-deflate"

    enum Role: Sendable { case offer, answer }

    var serverKeepsNoContext = false
    var clientKeepsNoContext = false
    /// 8...15; nil when it is not named.
    var serverWindowBits: Int?
    /// 8...15; nil when it is not named, or named without a value.
    var clientWindowBits: Int?
    /// `client_max_window_bits` is named, in an offer perhaps without a value.
    var namesClientWindow = false

    init() {}

    /// - Returns: nil for what a server must decline and a client must fail on: unknown, repeated or ill-valued parameters.
    init?(_ parameters: [ExtensionList.Parameter], as role: Role) {
        for parameter in parameters {
            switch (parameter.name, parameter.value) {
            case ("server_no_context_takeover", nil) where !serverKeepsNoContext: serverKeepsNoContext = true
            case ("client_no_context_takeover", nil) where !clientKeepsNoContext: clientKeepsNoContext = true
            case ("server_max_window_bits", let value?) where serverWindowBits == nil:
                guard let bits = Self.bits(value) else { return nil }
                serverWindowBits = bits
            case ("client_max_window_bits", nil) where role == .offer && !namesClientWindow: namesClientWindow = true
            case ("client_max_window_bits", let value?) where !namesClientWindow:
                guard let bits = Self.bits(value) else { return nil }
                clientWindowBits = bits
                namesClientWindow = true
            default: return nil
            }
        }
    }

    /// A decimal of 8...15 without leading zeros.
    private static func bits(_ text: String) -> Int? {
        guard !text.hasPrefix("0"), text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let bits = Int(text), (8...15).contains(bits)
        else { return nil }
        return bits
    }

    /// As it stands in the header.
    var text: String {
        var parts = [Self.extensionName]
        if serverKeepsNoContext { parts.append("server_no_context_takeover") }
        if clientKeepsNoContext { parts.append("client_no_context_takeover") }
        if let serverWindowBits { parts.append("server_max_window_bits=\(serverWindowBits)") }
        if namesClientWindow { parts.append("client_max_window_bits" + (clientWindowBits.map { "=\($0)" } ?? "")) }
        return parts.joined(separator: "; ")
    }
}
