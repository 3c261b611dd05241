import SwitchboardRedis
import Testing

@testable import SwitchboardServer

@Suite struct RedisChecksTests {
    private static let sound = [
        "redis_version": "7.0.15", "role": "master", "aof_enabled": "1", "aof_last_write_status": "ok",
        "maxmemory": "0",
        "maxmemory_policy": "noeviction",
    ]
    private static let soundLimits = "normal 0 0 0 slave 268435456 67108864 60 pubsub 268435456 67108864 60"

    private struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let check: String
        var state = Finding.State.problem
        var fields: [String: String] = [:]
        var limits: String? = RedisChecksTests.soundLimits
        var lead = 0.0
        var roundTrip = 0.001
        var nodes: [(node: String, seconds: Double)] = []
        var minReplicas = 0
    }

    private static let rows = [
        Row(testDescription: "too old", check: "redis.version", fields: ["redis_version": "6.0.20"]),
        Row(testDescription: "old enough", check: "redis.version", state: .ok, fields: ["redis_version": "6.2.0"]),
        Row(testDescription: "much newer", check: "redis.version", state: .ok, fields: ["redis_version": "10.1.0"]),
        Row(
            testDescription: "too old for a cluster", check: "redis.version",
            fields: ["redis_version": "6.2.14", "redis_mode": "cluster"]),
        Row(
            testDescription: "one replica too few", check: "redis.replicas", fields: ["connected_slaves": "1"],
            minReplicas: 2),
        Row(
            testDescription: "enough replicas", check: "redis.replicas", state: .ok, fields: ["connected_slaves": "2"],
            minReplicas: 2),
        Row(testDescription: "no version", check: "redis.version", state: .unknown, fields: ["redis_version": ""]),
        Row(testDescription: "replica", check: "redis.role", fields: ["role": "slave", "master_host": "h"]),
        Row(testDescription: "no file", check: "redis.persistence", fields: ["aof_enabled": "0"]),
        Row(testDescription: "disk full", check: "redis.persistence", fields: ["aof_last_write_status": "err"]),
        Row(
            testDescription: "evicts", check: "redis.eviction",
            fields: ["maxmemory": "1000", "maxmemory_policy": "volatile-ttl"]),
        Row(
            testDescription: "would evict, but has no limit", check: "redis.eviction", state: .ok,
            fields: ["maxmemory_policy": "allkeys-lru"]),
        Row(
            testDescription: "refuses when full", check: "redis.eviction", state: .ok, fields: ["maxmemory": "1000"]),
        Row(
            testDescription: "Redis' own limits", check: "redis.pubsubBuffer",
            limits: "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
        Row(
            testDescription: "a tight soft limit", check: "redis.pubsubBuffer",
            limits: "normal 0 0 0 slave 0 0 0 pubsub 268435456 1048576 60"),
        Row(
            testDescription: "no limit", check: "redis.pubsubBuffer", state: .ok,
            limits: "normal 0 0 0 slave 0 0 0 pubsub 0 0 0"),
        Row(testDescription: "settings refused", check: "redis.pubsubBuffer", state: .unknown, limits: nil),
        Row(testDescription: "odd limits", check: "redis.pubsubBuffer", state: .unknown, limits: "pubsub"),
        Row(testDescription: "clock ahead", check: "redis.clock", lead: 1.5),
        Row(testDescription: "clock behind", check: "redis.clock", lead: -90),
        Row(testDescription: "a long way", check: "redis.clock", state: .ok, lead: 1.5, roundTrip: 2),
        Row(testDescription: "a node's clock", check: "nodes.clock", nodes: [("n1", -3)]),
        Row(testDescription: "a node's clock is right", check: "nodes.clock", state: .ok, nodes: [("n1", 0.2)]),
    ]

    @Test(arguments: rows)
    private func checks(row: Row) {
        let inspection = RedisInspection(
            address: "h:6379", information: Self.sound.merging(row.fields) { $1 },
            outputBufferLimits: row.limits,
            clockLead: row.lead, roundTrip: row.roundTrip, nodeClockLeads: row.nodes)
        let findings = RedisChecks(inspection: inspection, minReplicas: row.minReplicas).findings
        for finding in findings {
            #expect(finding.state == (finding.check == row.check ? row.state : .ok), "\(finding)")
            #expect((finding.advice != nil) == (finding.state == .problem) || finding.state == .unknown)
            #expect(!finding.found.contains("\n"))
        }
        #expect(findings.contains { $0.check == row.check })
    }

    @Test func aSoundRedisHasNoProblem() {
        let inspection = RedisInspection(
            address: "h:6379", information: Self.sound, outputBufferLimits: Self.soundLimits, clockLead: 0.01,
            roundTrip: 0.001, nodeClockLeads: [("n1", 0), ("n2", -0.01)])
        let findings = RedisChecks(inspection: inspection, minReplicas: 0).findings
        #expect(findings.count == 8)
        #expect(findings.allSatisfy { $0.state == .ok })
    }
}
