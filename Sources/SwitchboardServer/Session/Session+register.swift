import NIOCore
import SwitchboardCore
import SwitchboardProtocol

extension Session {
    /// It is known who connects: makes this the client's current session, cluster-wide.
    func identify(_ request: ConnectRequest) {
        // A node that was held up may find a handshake whose client has long given up, and connected elsewhere: registered now it
        // would be the newer session, and the client would be told never to come back.
        guard descriptor < 0 || !DirectSend.isClosedByPeer(descriptor) else {
            context?.close(promise: nil)
            return
        }
        phase = .registering
        self.request = nil
        resume = request.resume
        let record = SessionRecord(
            client: request.client ?? ConnectRequest.generatedID(), session: .random(), node: node.id, mode: mode,
            address: request.address, userAgent: request.userAgent, labels: request.labels, groups: request.groups,
            connectedAt: WallClock.milliseconds())
        self.record = record
        let box = NIOLoopBound(self, eventLoop: shard.loop)
        let loop = shard.loop
        node.store.register(record, policy: node.configuration.duplicates) { result in
            if loop.inEventLoop { return box.value.registered(result) }
            loop.execute { box.value.registered(result) }
        }
    }

    private func registered(_ result: Result<Registration, BusError>) {
        switch result {
        case .success(.registered(let epoch, let hasMail)):
            self.epoch = epoch
            self.hasMail = hasMail
            guard phase == .registering else {
                // It ended meanwhile, and nobody else will say so.
                if let record {
                    node.store.unregister(departure(record, .abnormal, reason: "the connection was lost", isLost: true))
                }
                return
            }
            isRegistered = true
            if resume.isEmpty { shard.open(self) } else { recover(resume) }
            resume = [:]
        case .success(.coolingDown(let seconds)):
            close(.overloaded, reason: "connected too often: after=\(seconds)")
        case .success(.duplicate(let other)):
            close(.replaced, reason: "the client is connected already on node=\(other)")
        case .failure(let error):
            close(.overloaded, reason: "\(error)")
        }
    }
}
