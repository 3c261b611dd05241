import Foundation
import Logging
import NIOPosix
import NIOSSL
import SwitchboardTLS
import Synchronization

/// What the node shows to who connects: its certificate, which may be replaced while it runs. Connections keep the one that they
/// began with.
final class TLSIdentity: Reloadable {
    private struct State {
        var certificate: ServerCertificate
        /// The files that were looked at last.
        var stamps: [FileStamp?]
        /// The files are not what is in use.
        var isStale = false
    }

    private let files: TLSFiles
    private let now: @Sendable () -> Int
    private let state: Mutex<State>

    /// Reads the files. It blocks.
    ///
    /// - Parameter now: Tells the Unix time in seconds.
    /// - Throws: one line that says what is wrong with them.
    init(
        _ files: TLSFiles, now: @escaping @Sendable () -> Int = { Int(Date().timeIntervalSince1970) }
    ) throws(ServerConfiguration.Problem) {
        self.files = files
        self.now = now
        let stamps = Self.stamps(of: files)
        state = Mutex(State(certificate: try ServerCertificate(files, now: now()), stamps: stamps))
    }

    /// For new connections.
    var context: NIOSSLContext { state.withLock { $0.certificate.context } }

    /// Unix time in seconds.
    var expiresAt: Int { state.withLock { $0.certificate.expiresAt } }

    /// Whether the files hold something that could not be taken.
    var isStale: Bool { state.withLock { $0.isStale } }

    func reload(logger: Logger) async { await read(logger, always: true) }

    /// Files that were of no use are not read again until they change, so that it is said once.
    func reloadIfChanged(logger: Logger) async { await read(logger, always: false) }

    private func read(_ logger: Logger, always: Bool) async {
        // Files may be on a disk that does not answer.
        try? await NIOThreadPool.singleton.runIfActive { [self] in
            // Looked at before they are read: what changes meanwhile is seen the next time.
            let stamps = Self.stamps(of: files)
            guard always || state.withLock({ $0.stamps != stamps }) else { return }
            do throws(ServerConfiguration.Problem) {
                let certificate = try ServerCertificate(files, now: now())
                state.withLock { $0 = State(certificate: certificate, stamps: stamps) }
                logger.info(
                    "the TLS certificate was read again",
                    metadata: ["expires": "\(HandshakeFault.time(certificate.expiresAt))"])
            } catch {
                state.withLock {
                    $0.stamps = stamps
                    $0.isStale = true
                }
                logger.error("the TLS certificate stays as it was", metadata: ["reason": "\(error)"])
            }
        }
    }

    private static func stamps(of files: TLSFiles) -> [FileStamp?] {
        [FileStamp(files.certificate), FileStamp(files.key)]
    }
}
