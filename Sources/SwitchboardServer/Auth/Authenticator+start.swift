import AsyncHTTPClient
import Logging
import SwitchboardProtocol

extension Authenticator: Reloadable {
    /// Reads the keys that the configuration names.
    ///
    /// A file has to be right when the node starts. What is fetched may come later: until then tokens are answered with
    /// `signers_unavailable`.
    ///
    /// - Parameter http: See ``KeySetSource/client(on:)``.
    static func starting(
        _ configuration: ServerConfiguration, http: HTTPClient, logger: Logger
    ) async throws(ServerConfiguration.Problem) -> Authenticator {
        let auth = configuration.auth
        try auth.validate(allowAnonymous: configuration.allowAnonymous)
        let policy = try AccessPolicy(configuration)
        var keys: KeyFile?
        if let path = auth.keyFile { keys = try KeyFile(path: path) }
        return Authenticator(
            policy: policy, keys: keys, signers: try await signers(auth, http: http, logger: logger),
            verifier: auth.verifier, maximumGroups: configuration.maximumGroups)
    }

    private static func signers(
        _ auth: AuthConfiguration, http: HTTPClient, logger: Logger
    ) async throws(ServerConfiguration.Problem) -> TokenKeyStore? {
        guard auth.hasSigners else { return nil }
        var fixed: [TokenKey] = []
        do throws(TokenKey.Fault) {
            for secret in auth.tokenSecrets { fixed.append(try await TokenKey(id: nil, secret: Array(secret.utf8))) }
        } catch { throw ServerConfiguration.Problem("tokenSecret: \(error)") }
        let source = auth.tokenKeys.flatMap { KeySetSource($0) }
        if source?.isOpenToOthers == true {
            logger.warning("the keys for tokens come by plain HTTP: who is on the way can make tokens")
        }
        let store = TokenKeyStore(
            fixed: fixed, allowsSecrets: source?.allowsSecrets ?? false, interval: auth.tokenKeysInterval,
            load: source?.loader(http), logger: logger)
        if case .file = source {
            await store.refresh()
            if let fault = store.fault { throw ServerConfiguration.Problem("tokenKeys: \(fault)") }
        }
        return store
    }

    /// Whether there is anything to read again.
    var canReload: Bool { keys != nil || signers != nil }

    /// Reads all keys again, as SIGHUP asks for; what is wrong leaves those in force that were.
    func reload(logger: Logger) async {
        var read: Logger.Metadata = [:]
        if let keys {
            do throws(ServerConfiguration.Problem) {
                try keys.reload()
                read["keys"] = "\(keys.keys.entries.count)"
            } catch { logger.error("the API keys stay as they were", metadata: ["reason": "\(error)"]) }
        }
        if let signers {
            if await signers.refresh() {
                read["tokenKeys"] = "\(signers.keys.keys.count)"
            } else {
                let reason = signers.fault.map { "\($0)" } ?? "the answer is awaited"
                logger.error("the keys for tokens stay as they were", metadata: ["reason": "\(reason)"])
            }
        }
        if !read.isEmpty { logger.info("keys were read again", metadata: read) }
    }
}
