import Logging
import NIOCore
import ServiceLifecycle
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

/// The roll-outs that this node leads.
final class Rollouts: Sendable {
    private struct State {
        var leads: [RolloutID: Task<Void, Never>] = [:]
        var isStopped = false
    }

    private let state = Mutex(State())
    /// Names this process: another one of the same node may have led before.
    private let run = SessionID.random().rawValue

    /// Takes the lead of a roll-out, unless it has it, another node has it, or it is to stop.
    ///
    /// - Throws: ``BusError``.
    func lead(_ id: RolloutID, at node: Node) async throws {
        guard !node.isDraining, state.withLock({ !$0.isStopped && $0.leads[id] == nil }),
            let term = try await node.store.rollouts.claim(id, by: node.id, run: run, lease: RolloutLead.lease)
        else { return }
        let isLed = state.withLock { state in
            guard !state.isStopped else { return false }
            state.leads[id] = Task { [self] in
                await RolloutLead(node: node, id: id, term: term).run()
                self.state.withLock { $0.leads[id] = nil }
            }
            return true
        }
        // It was claimed while the node stopped.
        if !isLed { try await node.store.rollouts.release(id, term: term) }
    }

    /// Ends the leads, so that other nodes can take them at once.
    func stop() async {
        let tasks = state.withLock { state in
            state.isStopped = true
            return Array(state.leads.values)
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }
}

/// Looks for roll-outs that nobody leads: new ones, and those whose leader is gone.
struct RolloutKeeper: Service {
    private static let interval = Duration.seconds(1)

    let node: Node

    func run() async throws {
        await cancelWhenGracefulShutdown {
            // A sleep that is cancelled is how the loop ends.
            while (try? await Task.sleep(for: Self.interval)) != nil {
                guard node.bus.isAvailable, node.settlement.isSettled else { continue }
                do {
                    for id in try await node.store.rollouts.active() { try await node.rollouts.lead(id, at: node) }
                } catch {
                    node.logger.debug("roll-outs could not be looked for", metadata: ["error": "\(error)"])
                }
            }
        }
        await node.rollouts.stop()
    }
}

extension Node {
    /// The clients that a roll-out goes to: those that are named, as they are named, or those that are connected now, in the
    /// order of their ids.
    ///
    /// - Throws: ``Problem`` when they are more than the limit.
    func rolloutClients(_ target: Target, limit: Int = RolloutTerms.maximumClients) async throws -> [ClientID] {
        var filter = ClientFilter(state: .online)
        switch target {
        case .client(let client): return [client]
        case .clients(let clients): return clients
        case .group(let group): filter.group = group
        case .labels(let labels): filter.labels = labels
        case .all: break
        }
        var clients: [ClientID] = []
        var cursor: ClientID?
        repeat {
            let page = try await store.clients(filter, limit: 1000, after: cursor)
            clients += page.clients.map(\.client)
            guard clients.count <= limit else { throw Problem.rolloutTooLarge(limit) }
            cursor = page.next
        } while cursor != nil
        return clients
    }

    func note(_ type: EventType, of rollout: RolloutID, reason: String? = nil, by author: String? = nil) {
        guard events.isWatched else { return }
        events.note(type, .node) { json in
            json.string("rollout", rollout.rawValue)
            if let reason { json.string("reason", reason) }
            if let author { json.string("by", author) }
        }
    }
}
