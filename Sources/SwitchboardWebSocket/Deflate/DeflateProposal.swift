/// How a client offers `permessage-deflate`, and what it makes of the answer (RFC 7692 section 7.1).
public struct DeflateProposal: Hashable, Sendable {
    private let offer: DeflateParameters

    /// - Parameters:
    ///   - serverKeepsContext: The server may refer to its earlier messages, at the cost of a window here.
    ///   - clientKeepsContext: This client would refer to its earlier messages, if the server lets it.
    ///   - serverWindowBits: 8...15, the window that the server is to keep to; nil for any.
    public init(serverKeepsContext: Bool = true, clientKeepsContext: Bool = true, serverWindowBits: Int? = nil) {
        var offer = DeflateParameters()
        offer.serverKeepsNoContext = !serverKeepsContext
        offer.clientKeepsNoContext = !clientKeepsContext
        offer.serverWindowBits = serverWindowBits.map { min(max($0, 8), 15) }
        offer.namesClientWindow = true
        self.offer = offer
    }

    /// The value of `Sec-WebSocket-Extensions` in the request.
    public var header: String { offer.text }

    /// What the server's answer means.
    ///
    /// - Parameter fields: The values of all fields `Sec-WebSocket-Extensions` of the response.
    /// - Returns: nil when the server has declined.
    /// - Throws: when it chose what was not offered; the connection must be failed (RFC 6455 section 4.1).
    public func agreement(from fields: [String]) throws(DeflateNegotiationError) -> DeflateAgreement? {
        let elements = try ExtensionList(fields).elements
        guard let element = elements.first else { return nil }
        guard elements.count == 1, element.name == DeflateParameters.extensionName else {
            throw DeflateNegotiationError("the server chose an extension that was not offered")
        }
        guard let answer = DeflateParameters(element.parameters, as: .answer) else {
            throw DeflateNegotiationError("the server's parameters of \(element.name) are not valid")
        }
        if offer.serverKeepsNoContext, !answer.serverKeepsNoContext {
            throw DeflateNegotiationError("the server did not agree to server_no_context_takeover")
        }
        if let limit = offer.serverWindowBits {
            guard let bits = answer.serverWindowBits, bits <= limit else {
                throw DeflateNegotiationError("the server did not agree to server_max_window_bits=\(limit)")
            }
        }
        return DeflateAgreement(
            server: .init(
                keepsContext: !answer.serverKeepsNoContext, windowBits: answer.serverWindowBits ?? 15),
            client: .init(
                keepsContext: !offer.clientKeepsNoContext && !answer.clientKeepsNoContext,
                windowBits: answer.clientWindowBits ?? 15))
    }
}
