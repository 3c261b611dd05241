import Foundation
import NIOCore
import Synchronization

/// Pushes without end by way of every node, durable and transient, to clients and to a group; keeps the answers, and what the
/// clients received.
final class FailoverLoad: Sendable {
    enum Kind: String, CaseIterable, Sendable { case transient, durable, history }

    struct Record: Sendable {
        var text: String
        var kind: Kind
        var target: String
        /// 0 when the connection broke.
        var status: Int
        var push: PushAnswer?
        var at: ContinuousClock.Instant
    }

    static let group = "fleet"
    private let nodes: [NodeServer]
    private let targets: [String]
    private let records = Mutex<[Record]>([])
    private let received = Mutex<[String: [String: Int]]>([:])

    init(nodes: [NodeServer], targets: [String]) {
        self.nodes = nodes
        self.targets = targets
    }

    var answers: [Record] { records.withLock { $0 } }

    /// Connects all clients, each to another node, and waits until they are in the group.
    func connect(_ clients: Clients) async throws {
        for (number, name) in targets.enumerated() {
            try await clients.listener(name, on: nodes[number % nodes.count]) { [self] in note($0, by: name) }
        }
        try await eventually("all are in the group") {
            try await nodes[0].api.get("/v1/groups/\(Self.group)", as: GroupMembers.self).members == targets.count
        }
    }

    /// A client has got this text.
    private func note(_ text: String, by client: String) {
        received.withLock { $0[text, default: [:]][client, default: 0] += 1 }
    }

    /// Until it is cancelled.
    func run() async {
        await withTaskGroup { group in
            for node in nodes {
                for kind in Kind.allCases {
                    group.addTask { [self] in
                        var number = 0
                        while !Task.isCancelled {
                            number += 1
                            let target = targets[number % targets.count]
                            await push("\(kind)-\(node.id)-\(number)", kind, to: target, by: node.api)
                            // The pace; being cancelled is how it ends.
                            try? await Task.sleep(for: .milliseconds(kind == .history ? 20 : 5))
                        }
                    }
                }
            }
        }
    }

    private func push(_ text: String, _ kind: Kind, to target: String, by api: API) async {
        let to = kind == .history ? #"{"group":"\#(Self.group)"}"# : #"{"client":"\#(target)"}"#
        let json = #"{"to":\#(to),"text":"\#(text)","durable":\#(kind != .transient)}"#
        var record = Record(text: text, kind: kind, target: target, status: 0, at: .now)
        // A task of its own: what has been sent is to be answered, also when the load ends meanwhile.
        if let answer = await Task(operation: { try? await api.push(json) }).value {
            record.status = answer.status
            record.push = try? answer.decode()
        }
        record.at = .now
        let done = record
        records.withLock { $0.append(done) }
    }

    // MARK: The account

    /// What was answered with success and has not come to everybody whom it was for.
    ///
    /// A transient push is due only when its answer says that it was delivered; a durable one always.
    var missing: [Record] {
        let received = received.withLock { $0 }
        return answers.filter { record in
            guard record.status == 200 || record.status == 202 else { return false }
            switch record.kind {
            case .transient: return record.push?.delivered == 1 && received[record.text]?[record.target] == nil
            case .durable: return received[record.text]?[record.target] == nil
            case .history: return targets.contains { received[record.text]?[$0] == nil }
            }
        }
    }

    /// Transient pushes that came more than once: they are never repeated.
    var repeated: [String] {
        received.withLock { received in
            received.filter { $0.key.hasPrefix("transient") && $0.value.values.contains { $0 > 1 } }.map(\.key)
        }
    }

    /// How many answers of which kind.
    var summary: String {
        Kind.allCases.map { kind in
            let statuses = Dictionary(grouping: answers.filter { $0.kind == kind }, by: \.status)
            return "\(kind): "
                + statuses.sorted { $0.key < $1.key }.map { "\($0.value.count) x \($0.key)" }
                .joined(separator: ", ")
        }.joined(separator: "; ")
    }
}
