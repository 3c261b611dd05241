import Foundation
import Testing

/// Nodes are killed and frozen, connections are cut and Redis is restarted under a steady load.
///
/// `SWITCHBOARD_CHAOS_SEEDS=20` runs 20 scenarios instead of one, `SWITCHBOARD_CHAOS_SEED=N` the one of that seed;
/// `SWITCHBOARD_CHAOS_KEEP=FOLDER` keeps histories and logs of those that fail.
@Suite(
    "Chaos", .cluster(isHeavy: true, options: ["--publish-rate", "0", "--accept-rate", "0"]), .logsOnFailure,
    .serialized,
    .timeLimit(.minutes(5)))
struct ChaosTests {
    @Test("Durable pushes and commands keep their promises through chaos", arguments: ChaosSeeds.chosen)
    func chaos(seed: UInt64) async throws {
        let cluster = try Cluster.shared()
        let run = ChaosRun(scenario: ChaosScenario(seed: seed, nodes: cluster.nodes.count), cluster: cluster)
        print("chaos: seed \(seed)")
        do {
            let history = try await run.run()
            print("chaos: seed \(seed): \(history.summary)")
            try judge(history, seed: seed)
        } catch {
            try ChaosSeeds.keep(run.journal.history, seed: seed, of: cluster)
            throw error
        }
    }

    private func judge(_ history: ChaosHistory, seed: UInt64) throws {
        let violations = ChaosChecker.violations(of: history)
        for (rule, broken) in Dictionary(grouping: violations, by: \.rule) {
            guard let first = broken.first else { continue }
            Issue.record("seed \(seed): \(broken.count) x \(first)\n\(history.lines(about: first))\n(rule \(rule))")
        }
        if !violations.isEmpty { try ChaosSeeds.keep(history, seed: seed, of: Cluster.shared()) }
    }
}

/// What the environment says about chaos.
enum ChaosSeeds {
    private static let environment = ProcessInfo.processInfo.environment

    static let chosen: [UInt64] = {
        if let seed = environment["SWITCHBOARD_CHAOS_SEED"].flatMap(UInt64.init) { return [seed] }
        let count = environment["SWITCHBOARD_CHAOS_SEEDS"].flatMap(Int.init) ?? 1
        return (0..<max(count, 1)).map { _ in UInt64.random(in: 1...999_999) }
    }()

    static func keep(_ history: ChaosHistory, seed: UInt64, of cluster: Cluster) throws {
        guard let path = environment["SWITCHBOARD_CHAOS_KEEP"] else { return }
        let folder = URL(filePath: path).appending(path: "seed-\(seed)")
        try? FileManager.default.removeItem(at: folder)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(history.text.utf8).write(to: folder.appending(path: "history.txt"))
        let verdict = ChaosChecker.violations(of: history).map(\.description).joined(separator: "\n")
        try Data(verdict.utf8).write(to: folder.appending(path: "violations.txt"))
        for file in try FileManager.default.contentsOfDirectory(at: cluster.directory, includingPropertiesForKeys: nil)
        where file.pathExtension == "log" {
            try FileManager.default.copyItem(at: file, to: folder.appending(path: file.lastPathComponent))
        }
    }
}
