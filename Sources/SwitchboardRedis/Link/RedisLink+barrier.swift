import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

extension RedisLink {
    /// Publishes a token on this node's own channel and waits until it comes back: everything that Redis has published before it,
    /// on either channel, has come before it. In a Redis Cluster the channels are on two servers: it has to come back by both,
    /// and is sent when everything that this node has sent before is answered.
    func barrier(_ waiter: @escaping BarrierRounds.Waiter) {
        switch barriers.withLock({ $0.join(waiter, now: .now()) }) {
        case .refuse: waiter(.failure(.overloaded))
        case let action: carryOut(action)
        }
    }

    /// A canary has come that is this node's.
    ///
    /// - Returns: Whether it was the token of a barrier.
    func returned(_ token: String, by way: LinkStateMachine.Way) -> Bool {
        guard token.hasPrefix(barrierToken) else { return false }
        guard let number = Int(token.dropFirst(barrierToken.count)) else { return true }
        let (done, action) = barriers.withLock { $0.returned(number, by: way, now: .now()) }
        carryOut(action)
        for waiter in done { waiter(.success(())) }
        return true
    }

    func failBarriers(_ error: BusError, round: Int? = nil) {
        for waiter in barriers.withLock({ $0.failed(round) }) { waiter(.failure(error)) }
    }

    private func carryOut(_ action: BarrierRounds.JoinAction) {
        guard case .begin(let number, let timer) = action else { return }
        if let timer { armBarrier(timer) }
        guard isCluster else { return publishToken(number, by: .node) }
        settled { [self] result in
            if case .failure(let error) = result { return failBarriers(error, round: number) }
            publishToken(number, by: .shared)
            publishToken(number, by: .node)
        }
    }

    private func publishToken(_ number: Int, by way: LinkStateMachine.Way) {
        let message = BusCodec.encode(.canary("\(barrierToken)\(number)"))
        let consumer = PendingCommand.Consumer.receivers { [self] result in
            switch result {
            case .success(0): failBarriers(.unavailable("this node does not hear its own channel"), round: number)
            case .success: break
            case .failure(let error): failBarriers(error, round: number)
            }
        }
        send(consumer) { buffer, _ in publish(message, by: way, &buffer) }
    }

    private func armBarrier(_ deadline: NIODeadline) {
        group.next().scheduleTask(deadline: deadline) { [weak self] in self?.barrierDeadlinePassed() }
    }

    private func barrierDeadlinePassed() {
        switch barriers.withLock({ $0.deadlinePassed(now: .now()) }) {
        case .nothing: break
        case .arm(let deadline): armBarrier(deadline)
        case .fail(let waiters):
            for waiter in waiters { waiter(.failure(.unavailable("what was published did not come back in time"))) }
        }
    }
}
