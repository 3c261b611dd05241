import Testing

/// Gives a suite a cluster of its own, which is gone when the suite ends, however it ends.
struct ClusterTrait: SuiteTrait, TestScoping {
    let layout: Cluster.Layout
    let isHeavy: Bool

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await Machine.shared.with(isHeavy ? Machine.whole : 1) {
            try await Cluster.with(layout) { try await function() }
        }
    }
}

/// Gives a suite the machine alone; it starts what it needs itself.
struct MachineTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await Machine.shared.with(Machine.whole) { try await function() }
    }
}

extension Trait where Self == MachineTrait {
    static var alone: Self { MachineTrait() }
}

extension Trait where Self == ClusterTrait {
    /// - Parameters:
    ///   - isHeavy: Nothing else may run meanwhile.
    ///   - options: Flags of `switchboard serve`.
    static func cluster(
        nodes: Int = 3, redis: Bool = true, proxy: Bool = true, isHeavy: Bool = false, options: [String] = []
    ) -> Self {
        ClusterTrait(
            layout: .init(nodes: nodes, hasRedis: redis, hasProxy: proxy, options: options), isHeavy: isHeavy)
    }
}

extension Trait where Self == IssueHandlingTrait {
    /// The logs of the cluster are shown when a test fails.
    static var logsOnFailure: Self {
        .compactMapIssues { issue in
            Cluster.current?.noteFailure()
            return issue
        }
    }
}

/// Shares the machine out: suites that only wait run two at a time, one that loads or measures it runs alone.
actor Machine {
    static let shared = Machine()
    static let whole = 2

    private var free = Machine.whole
    private var waiting: [(share: Int, continuation: CheckedContinuation<Void, Never>)] = []

    /// Runs `body` while it has this share. Waiting for it is not counted in the time limits of tests.
    nonisolated func with(_ share: Int, _ body: () async throws -> Void) async throws {
        await take(share)
        do { try await body() } catch {
            await give(share)
            throw error
        }
        await give(share)
    }

    private func take(_ share: Int) async {
        if waiting.isEmpty, free >= share {
            free -= share
            return
        }
        await withCheckedContinuation { waiting.append((share, $0)) }
    }

    private func give(_ share: Int) {
        free += share
        // In order, so that one that needs everything is not passed by for ever.
        while let first = waiting.first, first.share <= free {
            free -= first.share
            waiting.removeFirst().continuation.resume()
        }
    }
}
