/// How a server answers offers of `permessage-deflate` (RFC 7692 section 7.1).
///
/// The server never keeps context, so that one compressed frame serves all sessions (``SharedFrames``). Clients are asked
/// not to keep theirs either unless the policy lets them: it costs a window for every session.
public struct DeflatePolicy: Hashable, Sendable {
    /// Clients may refer to their earlier messages; each session then keeps its own ``Inflater``, about 7 KB and the window.
    public var clientsKeepContext: Bool
    /// 8...15: the window that clients are held to, as far as they let themselves be.
    public var clientWindowBits: Int

    public init(clientsKeepContext: Bool = false, clientWindowBits: Int = 15) {
        self.clientsKeepContext = clientsKeepContext
        self.clientWindowBits = min(max(clientWindowBits, 8), 15)
    }

    /// What the server accepted, and how it says so.
    public struct Answer: Hashable, Sendable {
        public let agreement: DeflateAgreement
        /// The frames that this client can read.
        public let window: DeflateWindow
        /// The value of `Sec-WebSocket-Extensions` in the response.
        public let header: String
    }

    /// Takes the first offer that can be met.
    ///
    /// - Parameter fields: The values of all fields `Sec-WebSocket-Extensions` of the request.
    /// - Returns: nil when nothing acceptable was offered: the connection goes on without compression.
    /// - Throws: when the header is malformed; the handshake is to be refused (RFC 6455 section 9.1).
    public func answer(to fields: [String]) throws(DeflateNegotiationError) -> Answer? {
        for element in try ExtensionList(fields).elements where element.name == DeflateParameters.extensionName {
            guard let offer = DeflateParameters(element.parameters, as: .offer) else { continue }
            if let answer = accept(offer) { return answer }
        }
        return nil
    }

    private func accept(_ offer: DeflateParameters) -> Answer? {
        // zlib cannot compress with a window of 2^8.
        guard let window = DeflateWindow(atMost: offer.serverWindowBits ?? 15) else { return nil }
        var agreement = DeflateAgreement()
        var answer = DeflateParameters()
        agreement.server.keepsContext = false
        answer.serverKeepsNoContext = true
        if offer.serverWindowBits != nil {
            agreement.server.windowBits = window.rawValue
            answer.serverWindowBits = window.rawValue
        }
        if !clientsKeepContext || offer.clientKeepsNoContext {
            agreement.client.keepsContext = false
            answer.clientKeepsNoContext = true
        }
        // A client that did not name it cannot be held to it (section 7.1.2.2); what it named it keeps to in any case.
        if offer.namesClientWindow {
            let bits = min(offer.clientWindowBits ?? 15, clientWindowBits)
            agreement.client.windowBits = bits
            if bits < 15 {
                answer.clientWindowBits = bits
                answer.namesClientWindow = true
            }
        }
        return Answer(agreement: agreement, window: window, header: answer.text)
    }
}
