import SwitchboardRedis

/// Whether a Redis server is fit to be the middle of a cluster.
struct RedisChecks {
    /// Clocks that differ by more are wrong.
    static let clockTolerance = 1.0
    private static let megabyte = 1 << 20

    let inspection: RedisInspection
    /// The setting; 0 needs none.
    let minReplicas: Int

    var findings: [Finding] {
        [version, role, persistence, eviction, pubsubBuffer, clock] + replicas + nodeClocks
    }

    private func field(_ name: String) -> String { inspection.information[name] ?? "" }

    private var version: Finding {
        let text = field("redis_version")
        let parts = text.split(separator: ".").compactMap { Int($0) }
        guard parts.count >= 2 else {
            return .unknown("redis.version", "\(inspection.address) does not tell its version")
        }
        let found = "\(inspection.address) is version \(text)"
        guard (parts[0], parts[1]) >= (6, 2) else {
            return .problem("redis.version", found, advice: "use Redis 6.2 or newer")
        }
        guard parts[0] >= 7 || field("redis_mode") != "cluster" else {
            return .problem("redis.version", found, advice: "use Redis 7 or newer for a Redis Cluster")
        }
        return .ok("redis.version", found)
    }

    private var role: Finding {
        guard field("role") == "slave" else { return .ok("redis.role", "\(inspection.address) is a master") }
        return .problem(
            "redis.role",
            "\(inspection.address) is a replica of \(field("master_host")):\(field("master_port")), which refuses to write",
            advice: "name the master in the setting redis")
    }

    private var replicas: [Finding] {
        guard minReplicas > 0 else { return [] }
        let count = Int(field("connected_slaves")) ?? 0
        let found = "\(inspection.address) has \(count) replicas for minReplicas \(minReplicas)"
        guard count < minReplicas else { return [.ok("redis.replicas", found)] }
        return [
            .problem(
                "redis.replicas", "\(found): no durable push is taken",
                advice: "start the missing replicas, or lower minReplicas")
        ]
    }

    private var persistence: Finding {
        guard field("aof_enabled") == "1" else {
            return .problem(
                "redis.persistence",
                "\(inspection.address) has no append-only file: mailboxes, histories and upstream messages end with Redis",
                advice: "set 'appendonly yes' and 'appendfsync everysec'")
        }
        guard field("aof_last_write_status") != "err", field("aof_last_bgrewrite_status") != "err" else {
            return .problem(
                "redis.persistence", "\(inspection.address) cannot write its append-only file",
                advice: "look at the disk and the log of Redis")
        }
        return .ok("redis.persistence", "\(inspection.address) has an append-only file")
    }

    private var eviction: Finding {
        let (limit, policy) = (Int(field("maxmemory")) ?? 0, field("maxmemory_policy"))
        let found =
            "\(inspection.address) has maxmemory \(limit == 0 ? "none" : ByteText.show(limit)), maxmemory-policy \(policy)"
        guard limit > 0, policy != "noeviction" else { return .ok("redis.eviction", found) }
        return .problem(
            "redis.eviction", "\(found): Redis drops mailboxes and presence when it is full",
            advice: "set 'maxmemory-policy noeviction': then what does not fit is refused and nobody is deceived")
    }

    private var pubsubBuffer: Finding {
        guard let limits = inspection.outputBufferLimits else {
            return .unknown(
                "redis.pubsubBuffer", "\(inspection.address) does not let this user read 'client-output-buffer-limit'",
                advice: "see that it is at least 'pubsub 256mb 64mb 60'")
        }
        let words = limits.split(separator: " ")
        guard let place = words.firstIndex(of: "pubsub"), words.count > place + 2, let hard = Int(words[place + 1]),
            let soft = Int(words[place + 2])
        else {
            return .unknown("redis.pubsubBuffer", "\(inspection.address) has 'client-output-buffer-limit' '\(limits)'")
        }
        let found =
            "\(inspection.address) has client-output-buffer-limit pubsub \(ByteText.show(hard)) \(ByteText.show(soft))"
        // 0 is no limit.
        let isTight = (1..<64 * Self.megabyte).contains(hard) || (1..<16 * Self.megabyte).contains(soft)
        guard isTight else { return .ok("redis.pubsubBuffer", found) }
        return .problem(
            "redis.pubsubBuffer", "\(found): a node that falls behind in a burst of broadcasts is cut off",
            advice: "set 'client-output-buffer-limit pubsub 256mb 64mb 60'")
    }

    private var clock: Finding {
        let found =
            "\(inspection.address): \(Self.lead(inspection.clockLead)) this machine's, \(Self.milliseconds(inspection.roundTrip)) there and back"
        guard abs(inspection.clockLead) - inspection.roundTrip / 2 > Self.clockTolerance else {
            return .ok("redis.clock", found)
        }
        return .problem("redis.clock", found, advice: "set the clocks by NTP on both machines")
    }

    private var nodeClocks: [Finding] {
        inspection.nodeClockLeads.sorted { $0.node < $1.node }.map { node, seconds in
            let found = "\(node): \(Self.lead(seconds)) that of Redis"
            guard abs(seconds) > Self.clockTolerance else { return .ok("nodes.clock", found) }
            return .problem("nodes.clock", found, advice: "set the clock of that node's machine by NTP")
        }
    }

    private static func lead(_ seconds: Double) -> String {
        "\(milliseconds(abs(seconds))) \(seconds < 0 ? "behind" : "ahead of")"
    }

    private static func milliseconds(_ seconds: Double) -> String {
        seconds < 1 ? "\((seconds * 10_000).rounded() / 10) ms" : "\((seconds * 10).rounded() / 10) s"
    }
}
