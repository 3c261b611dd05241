import Crypto
import FoundationEssentials
package import NIOSSL

/// A key that the node must show, whoever has signed its certificate: the SHA-256 of the certificate's SubjectPublicKeyInfo
/// (RFC 7469 section 2.4), written `sha256/BASE64`.
///
/// A certificate that is renewed with the same key keeps its pin. It is the node's own certificate that counts, not one of those that
/// lead to it.
public struct CertificatePin: Hashable, Sendable, CustomStringConvertible {
    private let hash: [UInt8]

    /// - Returns: nil unless `text` is `sha256/` and 32 bytes in base 64.
    public init?(_ text: String) {
        guard text.hasPrefix(Self.prefix), let data = Data(base64Encoded: String(text.dropFirst(Self.prefix.count))),
            data.count == SHA256.Digest.byteCount
        else { return nil }
        hash = Array(data)
    }

    /// The pin of a certificate.
    ///
    /// - Throws: when its key is of a kind that is not known here.
    package init(_ certificate: NIOSSLCertificate) throws {
        hash = Array(SHA256.hash(data: try certificate.extractPublicKey().toSPKIBytes()))
    }

    public var description: String { Self.prefix + Data(hash).base64EncodedString() }

    private static let prefix = "sha256/"
}
