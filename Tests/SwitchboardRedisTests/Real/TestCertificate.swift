import Foundation

/// A certificate for `localhost` that signs itself.
struct TestCertificate {
    private let directory: URL

    var file: String { directory.appending(path: "certificate.pem").path }
    var key: String { directory.appending(path: "key.pem").path }

    private static let openssl = "/usr/bin/openssl"

    static var canBeMade: Bool { FileManager.default.isExecutableFile(atPath: openssl) }

    struct Failed: Error { let status: Int32 }

    init() throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "switchboard-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let process = Process()
        process.executableURL = URL(filePath: Self.openssl)
        process.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", file,
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed(status: process.terminationStatus) }
    }

    func remove() { try? FileManager.default.removeItem(at: directory) }
}
