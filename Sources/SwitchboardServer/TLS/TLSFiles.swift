/// Where the certificate of a node and its key are.
public struct TLSFiles: Hashable, Sendable {
    /// A PEM file: the node's certificate, then those that lead to one that clients trust.
    public var certificate: String
    /// A PEM file.
    public var key: String

    public init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }
}

/// TLS on the node's port.
public struct TLSSettings: Hashable, Sendable {
    /// A PEM file with the certificate and its chain; without it the port speaks no TLS.
    public var certificate: String?
    /// A PEM file with the certificate's key.
    public var key: String?
    /// Seconds between two looks at the files; 0 leaves it to SIGHUP.
    public var reloadInterval = 60.0
    /// Handshakes that may be under way; 0 means no limit.
    public var handshakeLimit = 1000

    public init() {}

    /// nil without TLS.
    public var files: TLSFiles? {
        guard let certificate, let key else { return nil }
        return TLSFiles(certificate: certificate, key: key)
    }
}
