import NIOPosix
import SwitchboardCore
import SwitchboardRedis

/// Checks what a node stands on: the machine, Redis, the file that starts it.
public struct Doctor: Sendable {
    private let configuration: ServerConfiguration
    private let composeFile: String?
    private let settingsFile: String?

    /// - Parameters:
    ///   - composeFile: Whose nodes are checked too.
    ///   - settingsFile: Stands for the one that a service of it names, which is elsewhere.
    public init(_ configuration: ServerConfiguration, composeFile: String? = nil, settingsFile: String? = nil) {
        self.configuration = configuration
        self.composeFile = composeFile
        self.settingsFile = settingsFile
    }

    public func findings() async -> [Finding] {
        var findings = [DescriptorCheck(maximumConnections: configuration.maximumConnections).finding]
        findings += TLSChecks(files: configuration.tls.files, redis: configuration.redis).findings
        findings += await redis()
        findings += await AuthChecks(configuration: configuration.auth).findings()
        if let composeFile { findings += ComposeChecks(path: composeFile, settingsFile: settingsFile).findings }
        return findings
    }

    private func redis() async -> [Finding] {
        guard let redis = configuration.redis else {
            return [.ok("redis", "none: a single node, whose mailboxes and histories end with it")]
        }
        do {
            let inspections = try await RedisInspection.inspect(redis, on: MultiThreadedEventLoopGroup.singleton)
            return inspections.flatMap { RedisChecks(inspection: $0, minReplicas: redis.minReplicas).findings }
        } catch {
            return [
                .problem(
                    "redis", "\(redis.address): \(error)",
                    advice: "see that it runs, and that the setting redis is right")
            ]
        }
    }
}
