import NIOHTTP1
import Testing

/// A Redis that neither answers nor is gone: nobody knows whether it has what it was sent.
@Suite(
    "Redis is frozen", .cluster(nodes: 2, proxy: false, isHeavy: true), .logsOnFailure, .serialized,
    .timeLimit(.minutes(2)))
struct FrozenRedisTests {
    private static let targets = [
        #""client":"away""#, #""clients":["away","elsewhere"]"#, #""group":"tills""#, #""all":true"#,
    ]

    @Test("A durable push that nobody has confirmed is no success; repeated with its id it arrives once")
    func durablePushes() async throws {
        try await Clients.with { clients, cluster in
            let redis = try cluster.redis()
            let named = #"{"to":{"client":"away"},"id":"kept","durable":true,"data":"kept"}"#
            redis.freeze()
            defer { redis.thaw() }
            let clock = ContinuousClock()
            let start = clock.now
            await withTaskGroup { group in
                for (index, target) in Self.targets.enumerated() {
                    let api = cluster.nodes[index % 2].api
                    group.addTask { (target, try? await api.push(#"{"to":{\#(target)},"durable":true,"data":"x"}"#)) }
                }
                for await (target, answer) in group { Self.expectUnavailable(answer, target) }
            }
            #expect(clock.now - start < .seconds(4), "nobody is kept waiting")
            Self.expectUnavailable(try? await cluster.nodes[0].api.push(named), "with an id")

            redis.thaw()
            for node in cluster.nodes {
                try await eventually("\(node.id) is ready again", within: .seconds(10)) { try await node.api.isReady() }
            }
            // Until the marker of the first try is gone, of which nobody knew whether it had come to Redis.
            try await eventually("its repetition is taken", within: .seconds(15)) {
                let again = try await cluster.nodes[1].api.push(named)
                if again.status == 409, again.problem == "push_in_progress" { return false }
                return try again.decode(PushAnswer.self).queued == 1
            }
            #expect(try await cluster.nodes[0].api.push(named).decode(PushAnswer.self).queued == 1, "and again")
            let away = try await clients.framed("away", on: cluster.nodes[1])
            let last = try await cluster.nodes[0].api.pushed(#"{"to":{"client":"away"},"data":"last"}"#)
            var ids: [String] = []
            while ids.last != last.id { ids.append(try await away.push().frame.id) }
            #expect(ids.count { $0 == "kept" } == 1, "\(ids)")
        }
    }

    private static func expectUnavailable(_ answer: API.Answer?, _ target: String) {
        #expect(answer?.status == 503, "\(target): \(answer?.description ?? "no answer")")
        #expect(answer?.problem == "bus_unavailable", "\(target)")
        #expect(answer?.headers.contains(name: "Retry-After") == true, "\(target)")
    }
}
