import NIOCore
import NIOSSL
import SwitchboardTLS

/// A certificate and its key, ready for handshakes.
struct ServerCertificate: Sendable {
    let context: NIOSSLContext
    /// Unix time in seconds at which the first certificate of the chain expires.
    let expiresAt: Int

    /// What is left of TLS 1.2 when ciphers without authentication of what they encrypt, and keys that make all recorded
    /// traffic readable later, are left out (RFC 9325 section 4.2). TLS 1.3 has no others.
    private static let ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20"

    /// Reads both files. It blocks.
    ///
    /// - Parameter now: Unix time in seconds.
    /// - Throws: one line that says which file is wrong and why.
    init(_ files: TLSFiles, now: Int) throws(ServerConfiguration.Problem) {
        let chain: [NIOSSLCertificate]
        let key: NIOSSLPrivateKey
        do throws(PEMFile.Fault) { chain = try PEMFile.certificates(files.certificate) } catch {
            throw ServerConfiguration.Problem("tlsCertificate: \(error)")
        }
        do throws(PEMFile.Fault) { key = try PEMFile.privateKey(files.key) } catch {
            throw ServerConfiguration.Problem("tlsKey: \(error)")
        }
        expiresAt = chain.map(\.notValidAfter).min() ?? 0
        guard expiresAt > now else {
            throw ServerConfiguration.Problem(
                "tlsCertificate: '\(files.certificate)' expired at \(HandshakeFault.time(expiresAt))")
        }
        if let start = chain.map(\.notValidBefore).max(), start > now {
            throw ServerConfiguration.Problem(
                "tlsCertificate: '\(files.certificate)' is not valid before \(HandshakeFault.time(start))")
        }
        var settings = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        settings.minimumTLSVersion = .tlsv12
        settings.cipherSuites = Self.ciphers
        settings.applicationProtocols = ["http/1.1"]
        // A client that is asked to say goodbye and does not is waited for no longer than this.
        settings.shutdownTimeout = .seconds(2)
        do { context = try NIOSSLContext(configuration: settings) } catch NIOSSLError.failedToLoadPrivateKey {
            throw ServerConfiguration.Problem(
                "tlsKey: the key in '\(files.key)' does not belong to the first certificate in '\(files.certificate)'")
        } catch {
            throw ServerConfiguration.Problem("tlsCertificate: '\(files.certificate)' cannot be used: \(error)")
        }
    }
}
