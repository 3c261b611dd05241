import Foundation

/// A certificate authority of our own, and a certificate of it for servers.
struct TestAuthority: Sendable {
    /// What the servers' certificate is for: a name that no address of theirs spells.
    static let name = "redis.example"

    let certificate: String
    let serverCertificate: String
    let serverKey: String

    init(in directory: URL) async throws {
        let path = { (name: String) in directory.appending(path: name).path }
        certificate = path("authority.pem")
        serverCertificate = path("server.pem")
        serverKey = path("server.key")
        let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        let openssl = try Programs.find("openssl")
        _ = try await ChildProcess.run(
            openssl, new + ["-subj", "/CN=test", "-keyout", path("authority.key"), "-out", certificate], in: directory)
        _ = try await ChildProcess.run(
            openssl,
            new + [
                "-CA", certificate, "-CAkey", path("authority.key"), "-subj", "/CN=\(Self.name)", "-addext",
                "subjectAltName=DNS:\(Self.name)", "-keyout", serverKey, "-out", serverCertificate,
            ], in: directory)
    }
}
