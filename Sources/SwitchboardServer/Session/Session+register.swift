import NIOCore
import SwitchboardCore
import SwitchboardProtocol

extension Session {
    /// It is known who connects.
    func identify(_ request: ConnectRequest) {
        phase = .registering
        self.request = nil
        if let hook = node.webhooks?.connecting, request.grant == nil {
            ask(hook, about: request)
        } else {
            register(request)
        }
    }

    /// A client that did not say in its URL who it is could not be asked about before.
    private func ask(_ hook: ConnectingHook, about request: ConnectRequest) {
        let box = NIOLoopBound(self, eventLoop: shard.loop)
        let loop = shard.loop
        Task {
            let answer: Result<ConnectRequest, Problem>
            do throws(Problem) { answer = .success(try await hook.admit(request)) } catch { answer = .failure(error) }
            loop.execute { box.value.admitted(answer) }
        }
    }

    private func admitted(_ answer: Result<ConnectRequest, Problem>) {
        guard phase == .registering else { return }
        switch answer {
        case .success(let request): register(request)
        case .failure(let problem): refuse(problem)
        }
    }

    /// Makes this the client's current session, cluster-wide.
    private func register(_ request: ConnectRequest) {
        // A node that was held up may find a handshake whose client has long given up, and connected elsewhere: registered now it
        // would be the newer session, and the client would be told never to come back.
        guard descriptor < 0 || !DirectSend.isClosedByPeer(descriptor) else {
            context?.close(promise: nil)
            return
        }
        resume = request.resume
        skips = request.skips
        let joinable = node.configuration.auth.joinableGroups
        if request.tokenGrant != nil || joinable != nil {
            access = SessionAccess(request.tokenGrant, joinable: joinable, given: request.grant?.groups ?? [])
        }
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
            if let record { node.webhooks?.connected(record, epoch: epoch) }
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
