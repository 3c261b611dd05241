import FoundationEssentials
package import NIOSSL

/// Why a handshake with a server failed, in a person's words.
package struct HandshakeFault: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }

    /// - Parameters:
    ///   - error: What NIOSSL says.
    ///   - server: Its name or address, as it was asked for.
    ///   - certificate: What the server has shown, if anything.
    ///   - now: Unix time in seconds.
    /// - Returns: nil when it was something else.
    package init?(
        _ error: any Error, server: String, certificate: NIOSSLCertificate? = nil,
        now: Int = Int(Date().timeIntervalSince1970)
    ) {
        if let error = error as? NIOSSLExtraError {
            guard error == .failedToValidateHostname || error == .serverHostnameImpossibleToMatch else { return nil }
            description = "the certificate is for another name than \(server)"
            return
        }
        guard case .handshakeFailed(let cause)? = error as? NIOSSLError else { return nil }
        // BoringSSL tells its reasons by name only, with file and line.
        let text = "\(cause)"
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            description = Self.distrust(certificate, now: now)
        } else if text.contains("WRONG_VERSION_NUMBER") {
            description = "\(server) does not speak TLS on this port"
        } else if text.contains("PROTOCOL_VERSION") {
            description = "\(server) speaks no version of TLS that is safe"
        } else if text.contains("EOF during handshake") {
            description = "\(server) ended the connection"
        } else {
            return nil
        }
    }

    private static func distrust(_ certificate: NIOSSLCertificate?, now: Int) -> String {
        guard let certificate else { return "the certificate is expired, or signed by nobody who is trusted" }
        if certificate.notValidAfter < now { return "the certificate expired at \(time(certificate.notValidAfter))" }
        if certificate.notValidBefore > now {
            return "the certificate is not valid before \(time(certificate.notValidBefore)): is the clock right?"
        }
        return "the certificate is signed by nobody who is trusted"
    }

    /// In UTC (RFC 3339).
    package static func time(_ seconds: Int) -> String {
        Date(timeIntervalSince1970: Double(seconds)).formatted(Date.ISO8601FormatStyle())
    }
}
