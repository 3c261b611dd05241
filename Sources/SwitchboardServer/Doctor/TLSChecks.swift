import Foundation
import SwitchboardRedis
import SwitchboardTLS

/// Whether the certificates that a node is given are of use, and for how long.
struct TLSChecks {
    /// Days before its end in which a certificate should have been renewed.
    private static let notice = 14

    let files: TLSFiles?
    let redis: RedisConfiguration?
    /// Unix time in seconds.
    var now = Int(Date().timeIntervalSince1970)

    var findings: [Finding] { certificate + key + redisCA }

    private var certificate: [Finding] {
        guard let files else { return [] }
        let check = "tls.certificate"
        let expiry: Int
        do throws(ServerConfiguration.Problem) { expiry = try ServerCertificate(files, now: now).expiresAt } catch {
            return [
                .problem(check, "\(error)", advice: "give a PEM file with the certificate and its chain, and its key")
            ]
        }
        let found = "it is valid until \(HandshakeFault.time(expiry))"
        guard expiry - now < Self.notice * 86_400 else { return [.ok(check, found)] }
        return [
            .problem(check, found, advice: "renew it; nodes take a new file by themselves, or at SIGHUP")
        ]
    }

    private var key: [Finding] {
        guard let files else { return [] }
        let attributes = try? FileManager.default.attributesOfItem(
            atPath: URL(filePath: files.key).resolvingSymlinksInPath().path)
        guard let mode = (attributes?[.posixPermissions] as? NSNumber)?.intValue else { return [] }
        let check = "tls.key"
        guard mode & 0o007 != 0 else { return [.ok(check, "only its owner and group may read '\(files.key)'")] }
        return [
            .problem(check, "everybody on this machine may read '\(files.key)'", advice: "chmod o= \(files.key)")
        ]
    }

    private var redisCA: [Finding] {
        do throws(RedisConfigurationError) { try redis?.checkTrustRoots() } catch {
            return [.problem("redis.ca", "\(error)", advice: "give the setting redisCA a PEM file with certificates")]
        }
        return []
    }
}
