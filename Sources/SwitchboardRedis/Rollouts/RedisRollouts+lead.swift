import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// The lead of a roll-out: each call is one script, or goes to keys that the leader alone still needs.
extension RedisRollouts {
    func claim(_ id: RolloutID, by node: NodeID, run: String, lease: Int) async throws -> Int? {
        let keys = link.keys.rollouts
        let reply = try await link.run(.rolloutClaim, keys: 1, arguments: 3) { buffer in
            buffer.argument(keys.state, id.rawValue)
            buffer.argument(node.rawValue)
            buffer.argument(lease)
            buffer.argument(run)
        }
        switch reply {
        case .integer(let term) where term > 0: return term
        // Whoever was creating it has died.
        case .integer(-1): _ = try await forget(id)
        default: break
        }
        return nil
    }

    func advance(_ id: RolloutID, _ advance: RolloutAdvance) async throws -> RolloutHeading {
        let keys = link.keys.rollouts
        let reply = try await link.run(.rolloutAdvance, keys: 2, arguments: 8 + 2 * advance.outcomes.count) { buffer in
            buffer.argument(keys.state, id.rawValue)
            buffer.argument(keys.outcomes, id.rawValue)
            buffer.argument(advance.term)
            buffer.argument(advance.lease)
            buffer.argument(advance.progress.phase.rawValue)
            buffer.argument(advance.progress.started)
            buffer.argument(advance.progress.succeeded)
            buffer.argument(advance.progress.failed)
            buffer.argument(advance.end?.kind.rawValue ?? "")
            buffer.argument(advance.end?.reason ?? "")
            for (index, outcome) in advance.outcomes {
                buffer.argument(index)
                buffer.argument(outcome.text)
            }
        }
        guard let elements = reply.elements, let kind = elements.first?.integer else {
            throw BusError.unexpectedReply(to: .rolloutAdvance)
        }
        guard kind >= 0, elements.count == 3 else { return .lost }
        let (isHeld, end) = (elements[1].text == "1", elements[2].text.flatMap(RolloutEnd.Kind.init(rawValue:)))
        return kind == 1 ? .kept(isHeld: isHeld, end: end) : .notBegun(isHeld: isHeld, end: end)
    }

    func release(_ id: RolloutID, term: Int) async throws {
        let keys = link.keys.rollouts
        _ = try await link.run(.rolloutRelease, keys: 1, arguments: 1) { buffer in
            buffer.argument(keys.state, id.rawValue)
            buffer.argument(term)
        }
    }

    func retire(_ id: RolloutID) async throws {
        let keys = link.keys.rollouts
        // It leaves the set last, so that what fails in between is done again by who leads it next.
        for key in [keys.state, keys.clients, keys.outcomes] {
            try await link.words("EXPIRE", key.name(id.rawValue), "\(RolloutLifetime.seconds)")
        }
        try await link.words("SREM", keys.active, id.rawValue)
    }
}
