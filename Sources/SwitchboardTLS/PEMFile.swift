package import NIOSSL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Certificates and keys in files, in PEM (RFC 7468). Reading blocks.
package enum PEMFile {
    /// Why a file is of no use, in one line that names it.
    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String

        init(_ description: String) { self.description = description }
    }

    /// The certificates of everybody who is trusted anywhere have a tenth of it.
    private static let limit = 4 << 20

    /// The certificates in the order in which they stand there, at least one.
    package static func certificates(_ path: String) throws(Fault) -> [NIOSSLCertificate] {
        let bytes = try read(path)
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            throw Fault("'\(path)' holds no certificate in PEM that can be read")
        }
        return certificates
    }

    /// The first private key.
    package static func privateKey(_ path: String) throws(Fault) -> NIOSSLPrivateKey {
        let bytes = try read(path)
        do { return try NIOSSLPrivateKey(bytes: bytes, format: .pem) } catch {
            guard String(decoding: bytes, as: UTF8.self).contains("ENCRYPTED") else {
                throw Fault("'\(path)' holds no private key in PEM")
            }
            throw Fault("the key in '\(path)' is encrypted: store it without a passphrase")
        }
    }

    /// Checks certificates to trust: a file, or a folder of which OpenSSL takes what it needs.
    package static func checkTrustRoots(_ path: String) throws(Fault) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw unreadable(path) }
        if status.st_mode & S_IFMT != S_IFDIR { _ = try certificates(path) }
    }

    private static func read(_ path: String) throws(Fault) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw unreadable(path) }
        defer { _ = close(file) }
        var all: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while all.count <= limit {
            let count = readBytes(file, &piece, piece.count)
            if count == 0 { return all }
            if count < 0, errno != EINTR { throw unreadable(path) }
            all += piece.prefix(max(count, 0))
        }
        throw Fault("'\(path)' has more than \(limit) bytes")
    }

    private static func unreadable(_ path: String) -> Fault {
        Fault("cannot read '\(path)': \(String(cString: strerror(errno)))")
    }
}

/// `read(2)`, which has the name of a method of ours.
private func readBytes(_ file: CInt, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
    read(file, bytes, count)
}
