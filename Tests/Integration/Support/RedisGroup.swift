import Foundation
import Testing

/// Several Redis servers that stand in for each other, in a folder of their own: a master with replicas and Sentinels, or a Redis
/// Cluster of three masters with a replica each.
final class RedisGroup: Sendable {
    enum Kind: String, Sendable, CaseIterable { case sentinel, cluster }

    /// How clients get in.
    struct Security: Sendable {
        var authority: TestAuthority?
        /// With a password for all that the servers do among themselves, and a user with few rights.
        var hasUser = false

        static let userName = "kiosk"
        static let userPassword = "pa:ss"
        private static let password = "secret"

        /// What the documentation says a user needs.
        private static let rights =
            "~sb:* ~{sb:* &sb:* +@read +@write +@pubsub +@scripting +@connection +time +wait +role +cluster|slots"

        var clientArguments: [String] {
            (authority.map { ["--tls", "--cacert", $0.certificate, "--sni", TestAuthority.name] } ?? [])
                + (hasUser ? ["-a", Self.password, "--no-auth-warning"] : [])
        }

        func serverArguments(port: Int, isCluster: Bool) -> [String] {
            var arguments =
                authority.map { authority in
                    [
                        "--port", "0", "--tls-port", "\(port)", "--tls-cert-file", authority.serverCertificate,
                        "--tls-key-file", authority.serverKey, "--tls-ca-cert-file", authority.certificate,
                        "--tls-auth-clients", "no", "--tls-replication", "yes",
                    ] + (isCluster ? ["--tls-cluster", "yes"] : [])
                } ?? ["--port", "\(port)"]
            if hasUser {
                arguments += ["--requirepass", Self.password, "--masterauth", Self.password]
                arguments += ["--user", Self.userName, "on", ">" + Self.userPassword]
                arguments += Self.rights.split(separator: " ").map(String.init)
            }
            return arguments
        }

        func sentinelLines(_ master: String) -> [String] {
            hasUser ? ["sentinel auth-pass \(master) \(Self.password)"] : []
        }

        var scheme: String { authority == nil ? "redis" : "rediss" }
        var login: String { hasUser ? "\(Self.userName):pa%3Ass@" : "" }

        /// Flags of `switchboard serve`.
        var nodeOptions: [String] {
            authority.map { ["--redis-ca", $0.certificate, "--redis-certificate-name", TestAuthority.name] } ?? []
        }
    }

    /// Milliseconds after which a server that does not answer is taken for dead.
    private static let patience = 2000
    private static let masterName = "main"

    let kind: Kind
    let servers: [RedisMember]
    let security: Security
    private let sentinels: [RedisMember]
    private let directory: URL

    private init(
        _ kind: Kind, _ servers: [RedisMember], sentinels: [RedisMember], _ security: Security, in directory: URL
    ) {
        self.kind = kind
        self.servers = servers
        self.sentinels = sentinels
        self.security = security
        self.directory = directory
    }

    var url: String {
        let members = kind == .sentinel ? sentinels : Array(servers.prefix(3))
        let hosts = members.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
        return "\(security.scheme)+\(kind)://\(security.login)\(hosts)"
            + (kind == .sentinel ? "/\(Self.masterName)" : "")
    }

    /// Runs `body` with a group that is whole, and gone afterwards.
    static func with(
        _ kind: Kind, isSecure: Bool = false, _ body: (RedisGroup) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "switchboard-ha-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        var security = Security()
        if isSecure { security = Security(authority: try await TestAuthority(in: directory), hasUser: true) }
        let group = try await start(kind, security, in: directory)
        do { try await body(group) } catch {
            await group.stop()
            throw error
        }
        await group.stop()
    }

    private func stop() async {
        for member in sentinels + servers { await member.stop() }
    }

    // MARK: Making

    private static func start(_ kind: Kind, _ security: Security, in directory: URL) async throws -> RedisGroup {
        var servers: [RedisMember] = []
        var sentinels: [RedisMember] = []
        do {
            for number in 0..<(kind == .sentinel ? 3 : 6) {
                let master = number == 0 || kind == .cluster ? nil : servers[0].port
                servers.append(
                    try await RedisMember(in: directory, security) {
                        try arguments($0, $1, $2, security, isCluster: kind == .cluster, master: master)
                    })
            }
            if kind == .sentinel {
                for _ in 0..<3 {
                    sentinels.append(
                        try await RedisMember(in: directory, Security(authority: security.authority)) {
                            port, _, folder in
                            try sentinel(port, folder, security, master: servers[0].port)
                        })
                }
            }
            let group = RedisGroup(kind, servers, sentinels: sentinels, security, in: directory)
            if kind == .cluster { try await group.form() }
            try await group.becomeWhole()
            return group
        } catch {
            await RedisGroup(kind, servers, sentinels: sentinels, security, in: directory).stop()
            throw error
        }
    }

    private static func arguments(
        _ port: Int, _ busPort: Int, _ folder: URL, _ security: Security, isCluster: Bool, master: Int?
    ) throws -> [String] {
        // A copy: Sentinels have their servers write down what they have become.
        let file = folder.appending(path: "redis.conf")
        try FileManager.default.copyItem(at: Programs.root.appending(path: "deploy/redis.conf"), to: file)
        return [file.path, "--bind", "127.0.0.1", "--dir", folder.path]
            // A master that comes back has nothing to say: it is what its successor has.
            + ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"]
            + security.serverArguments(port: port, isCluster: isCluster)
            + (master.map { ["--replicaof", "127.0.0.1 \($0)"] } ?? [])
            + (isCluster
                ? [
                    "--cluster-enabled", "yes", "--cluster-port", "\(busPort)", "--cluster-node-timeout", "\(patience)",
                    "--cluster-replica-validity-factor", "0",
                ] : [])
    }

    private static func sentinel(
        _ port: Int, _ folder: URL, _ security: Security, master: Int
    ) throws -> [String] {
        let file = folder.appending(path: "sentinel.conf")
        let lines =
            [
                "dir \(folder.path)", "sentinel monitor \(masterName) 127.0.0.1 \(master) 2",
                "sentinel down-after-milliseconds \(masterName) \(patience)",
                "sentinel failover-timeout \(masterName) 3000", "sentinel parallel-syncs \(masterName) 2",
            ] + security.sentinelLines(masterName)
        try lines.joined(separator: "\n").write(to: file, atomically: true, encoding: .utf8)
        let tls = Security(authority: security.authority).serverArguments(port: port, isCluster: false)
        return [file.path, "--sentinel", "--bind", "127.0.0.1"] + tls
    }

    private func form() async throws {
        let addresses = servers.map { "127.0.0.1:\($0.port)@\($0.busPort)" }
        _ = try await servers[0].command(
            ["--cluster", "create"] + addresses + ["--cluster-replicas", "1", "--cluster-yes"])
    }

    /// Until every master has its replicas, and everybody knows it.
    func becomeWhole() async throws {
        for server in servers {
            try await eventually("redis-\(server.port) has found its place", within: .seconds(30)) {
                if kind == .cluster {
                    guard try await server.command("CLUSTER", "INFO").contains("cluster_state:ok") else { return false }
                }
                if try await server.info("replication", "role") == "slave" {
                    return try await server.info("replication", "master_link_status") == "up"
                }
                let replicas = try await server.info("replication", "connected_slaves")
                return replicas == (kind == .sentinel ? "2" : "1")
            }
        }
        for sentinel in sentinels {
            try await eventually("the Sentinels know each other", within: .seconds(30)) {
                try await sentinel.command("SENTINEL", "CKQUORUM", Self.masterName).hasPrefix("OK 3 usable")
            }
        }
    }

    // MARK: Who is who

    /// Watches what Redis itself makes of the loss of a master.
    ///
    /// - Returns: When there was another one for the shared channel, and when that had a replica; nil when it gets none.
    func follow(
        _ lost: RedisMember
    ) async throws -> (promoted: ContinuousClock.Instant, replicated: ContinuousClock.Instant?) {
        var new = lost
        try await eventually("there is a new master", within: .seconds(40)) {
            new = try await master(of: "sb:push", askingOthersThan: lost)
            return new.port != lost.port
        }
        let promoted = ContinuousClock.now
        guard kind == .sentinel else { return (promoted, nil) }
        try await eventually("the new master has a replica", within: .seconds(40)) {
            try await new.info("replication", "connected_slaves") != "0"
        }
        return (promoted, .now)
    }

    /// The master that has this key or channel.
    func master(of key: String, askingOthersThan lost: RedisMember? = nil) async throws -> RedisMember {
        let server = try #require(servers.first { $0.port != lost?.port })
        var port: Int?
        switch kind {
        case .sentinel:
            let address = try await sentinels[0].command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self.masterName)
            port = address.split(separator: "\n").last.flatMap { Int($0) }
        case .cluster:
            let slot = Int(try await server.command("CLUSTER", "KEYSLOT", key).trimmingCharacters(in: .newlines))
            for line in try await server.command("CLUSTER", "NODES").split(separator: "\n") {
                let words = line.split(separator: " ")
                guard words.count > 8, words[2].contains("master"), !words[2].contains("fail"), let slot else {
                    continue
                }
                let ranges = words[8...].map { $0.split(separator: "-").compactMap { Int($0) } }
                if ranges.contains(where: { $0.count == 2 && ($0[0]...$0[1]).contains(slot) }) {
                    port = words[1].split(separator: "@").first?.split(separator: ":").last.flatMap { Int($0) }
                }
            }
        }
        guard let master = servers.first(where: { $0.port == port }) else {
            throw Late("somebody has \(key)", .zero)
        }
        return master
    }

    /// Gives the first slots of one master of a Redis Cluster to another one.
    func move(slots: Int, from source: RedisMember, to target: RedisMember) async throws {
        let (from, to) = (try await source.command("CLUSTER", "MYID"), try await target.command("CLUSTER", "MYID"))
        try await source.command(
            "--cluster", "reshard", "127.0.0.1:\(source.port)", "--cluster-from",
            from.trimmingCharacters(in: .newlines),
            "--cluster-to", to.trimmingCharacters(in: .newlines), "--cluster-slots", "\(slots)", "--cluster-yes")
    }

    /// Makes another server the master, in good order.
    func switchMaster() async throws {
        _ = try await sentinels[0].command("SENTINEL", "FAILOVER", Self.masterName)
    }
}
