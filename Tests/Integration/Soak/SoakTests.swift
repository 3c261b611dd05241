import Foundation
import Testing

/// How long the soak is.
enum SoakScale {
    static let minutes = Int(ProcessInfo.processInfo.environment["SWITCHBOARD_SOAK_MINUTES"] ?? "") ?? 1
}

/// Connections come and go under mixed traffic, and the nodes must not grow.
///
/// A minute by default; `SWITCHBOARD_SOAK_MINUTES=30` for as long as it says.
@Suite(
    "Soak", .cluster(nodes: 2, options: ["--publish-rate", "0", "--accept-rate", "0"]), .logsOnFailure,
    .timeLimit(.minutes(SoakScale.minutes + 4)))
struct SoakTests {
    /// New connections a second.
    private static let churn = 50

    @Test("Memory and descriptors of the nodes stay flat while 50 connections a second come and go")
    func flat() async throws {
        let cluster = try Cluster.shared()
        let traffic = SoakTraffic(cluster: cluster, churn: Self.churn)
        let work = Task { await traffic.run() }
        var samples: [NodeSample] = []
        let clock = ContinuousClock()
        let start = clock.now
        let end = start + .seconds(SoakScale.minutes * 60 - 5)
        while clock.now < end {
            try await clock.sleep(for: .seconds(SoakScale.minutes > 3 ? 10 : 2.5))
            for node in cluster.nodes { samples.append(NodeSample(node, at: (clock.now - start) / .seconds(1))) }
        }
        work.cancel()
        await work.value
        print("soak of \(SoakScale.minutes) min: \(traffic.summary)")
        #expect(traffic.connections > Self.churn * (SoakScale.minutes * 60 - 10) / 2, "there was churn")
        #expect(traffic.failures == 0, "\(traffic.lastFailure)")
        for node in cluster.nodes { try check(samples.filter { $0.node == node.id }, of: node) }
        try await cluster.empty()
        for node in cluster.nodes {
            // What is left is the node's own, and a few kept connections.
            try await eventually("\(node.id) has closed what it opened", within: .seconds(20)) {
                NodeSample(node, at: 0).descriptors < 150
            }
        }
    }

    /// The second half against what came before it, after a time in which caches and tables fill.
    private func check(_ samples: [NodeSample], of node: NodeServer) throws {
        let steady = samples.dropFirst(samples.count / 3)
        let (early, late) = (steady.prefix(steady.count / 2), steady.suffix(steady.count / 2))
        let memory = (Self.median(early.map(\.memory)), Self.median(late.map(\.memory)))
        let descriptors = (Self.median(early.map(\.descriptors)), Self.median(late.map(\.descriptors)))
        print(
            """
            \(node.id): resident memory \(memory.0 >> 20) MB, later \(memory.1 >> 20) MB; \
            descriptors \(descriptors.0), later \(descriptors.1)
            """)
        for sample in samples where SoakScale.minutes > 3 || sample.at.truncatingRemainder(dividingBy: 10) < 2.6 {
            print("  \(Int(sample.at)) s: \(sample.memory >> 10) KB, \(sample.descriptors) descriptors")
        }
        #expect(memory.1 < memory.0 + memory.0 / 12 + (6 << 20), "the memory of \(node.id) grows")
        #expect(descriptors.1 < descriptors.0 + 60, "the descriptors of \(node.id) grow")
    }

    private static func median(_ numbers: [Int]) -> Int {
        let sorted = numbers.sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }
}

/// What a node uses.
struct NodeSample: Sendable {
    let node: String
    /// Seconds since the beginning.
    let at: Double
    /// Bytes.
    let memory: Int
    let descriptors: Int

    init(_ node: NodeServer, at: Double) {
        self.node = node.id
        self.at = at
        memory = node.residentMemory
        let folder = "/proc/\(node.process?.pid ?? 0)/fd"
        descriptors = (try? FileManager.default.contentsOfDirectory(atPath: folder).count) ?? 0
    }
}
