import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// Who the client is, what it may, and for how long.
extension Session {
    /// The first frame of a framed client: it may name it, and show its token.
    func introduce(_ request: ConnectRequest, by frame: ClientFrame) {
        let named = request.adding(frame)
        guard case .hello(let hello) = frame else {
            return request.awaitsToken ? refuse(Problem(.missingToken)) : identify(named)
        }
        if let token = hello.token { return show(token, hello, named) }
        guard !request.awaitsToken else { return refuse(Problem(.missingToken)) }
        do throws(Refusal) { try named.check(hello) } catch { return refuse(Problem(error)) }
        identify(named)
    }

    /// The time for the first frame is over.
    func introduceNobody(_ request: ConnectRequest) {
        if request.awaitsToken { refuse(Problem(.missingToken)) } else { identify(request) }
    }

    private func show(_ token: String, _ hello: ClientFrame.Hello, _ request: ConnectRequest) {
        phase = .registering
        self.request = nil
        verify(token, pausesReading: true) { session, answer in
            guard session.phase == .registering else { return }
            session.admit(request, hello, answer)
        }
    }

    private func admit(
        _ request: ConnectRequest, _ hello: ClientFrame.Hello, _ answer: Result<ClientGrant, Refusal>
    ) {
        var request = request
        do throws(Problem) {
            if let first = request.tokenGrant {
                // The handshake has shown one, too: this one renews it.
                do throws(Refusal) {
                    let grant = try answer.get()
                    try grant.check(renews: first.client)
                    try request.check(hello)
                    request.tokenGrant = grant
                } catch { throw Problem(error) }
            } else {
                try request.admit(answer, on: node)
                do throws(Refusal) { try request.check(hello) } catch { throw Problem(error) }
            }
        } catch { return refuse(error) }
        openGate()
        identify(request)
    }

    /// Before it is registered: closes with what the problem means for a client.
    func refuse(_ problem: Problem) {
        node.authenticator.tally.count(problem, of: .client)
        let words = (problem.reason.map { "\($0.rawValue): " } ?? "") + problem.detail
        let wait = problem.retryAfter.map { "\(words): after=\($0)" }
        close(problem.closeCode, reason: CloseCode.fitted(reason: wait ?? words))
    }

    // MARK: What may come before the client is known

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is HelloGate.Overrun {
            close(.messageTooBig, reason: "too much before it is known who it is", isFinal: true, lingers: true)
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func openGate() {
        guard let pipeline = context?.pipeline.syncOperations, let gate = try? pipeline.handler(type: HelloGate.self)
        else { return }
        pipeline.removeHandler(gate, promise: nil)
    }

    // MARK: A session that is open

    /// The client brings a newer token. One that is not good leaves everything as it is; one of somebody else ends it.
    func renew(_ token: String) {
        guard mayWrite() else { return }
        guard !isRenewing else { return refuseRenewal(.otherTokenWaits) }
        isRenewing = true
        verify(token, pausesReading: false) { session, answer in
            session.isRenewing = false
            session.renewed(answer)
        }
    }

    private func renewed(_ answer: Result<ClientGrant, Refusal>) {
        guard phase == .open, let record else { return }
        let grant: ClientGrant
        switch answer {
        // The key may have been taken out on the way here, after everybody's was looked at.
        case .success(let new) where new.signer.map(node.authenticator.trusts) == false:
            return refuseRenewal(.unknownSigner)
        case .success(let new): grant = new
        case .failure(let refusal): return refuseRenewal(refusal)
        }
        do throws(Refusal) { try grant.check(renews: record.client) } catch { return refuse(Problem(error)) }
        let joinable = node.configuration.auth.joinableGroups
        if let access {
            access.renew(grant, joinable: joinable)
        } else {
            access = SessionAccess(grant, joinable: joinable, given: [])
        }
        arm()
        send(.ack(ref: ServerFrame.tokenReference))
    }

    private func refuseRenewal(_ refusal: Refusal) {
        node.authenticator.tally.count(refusal, of: .client)
        send(.error(code: refusal.reason.rawValue, message: refusal.detail, ref: ServerFrame.tokenReference))
    }

    /// Whether the client may enter or leave this group by itself; else it is told that it may not.
    func mayChoose(_ group: GroupName) -> Bool {
        guard let access, !access.allows(group) else { return true }
        node.authenticator.tally.count(Refusal.groupNotAllowed, of: .client)
        send(.error(code: "forbidden", message: Refusal.groupNotAllowed.detail, ref: group.rawValue))
        return false
    }

    /// Sets the timer to what comes first: the next look at the heartbeat, or the end of the token.
    func arm() {
        let beat = heartbeatTick > shard.now ? heartbeatTick - shard.now : 1
        let end = access?.ticksLeft(now: WallClock.milliseconds()) ?? .max
        timerTick = shard.schedule(self, after: min(beat, end))
    }

    // MARK: Looking at a token

    /// - Parameter pausesReading: Nothing more is read while a key is fetched for it.
    private func verify(
        _ token: String, pausesReading: Bool, _ done: @escaping (Session, Result<ClientGrant, Refusal>) -> Void
    ) {
        let authenticator = node.authenticator
        switch authenticator.client(token) {
        case .known(let grant): return done(self, .success(grant))
        case .refused(let refusal): return done(self, .failure(refusal))
        case .waits: break
        }
        if pausesReading { setReading(false) }
        let box = NIOLoopBound((session: self, done: done), eventLoop: shard.loop)
        let loop = shard.loop
        Task {
            let answer = await authenticator.settled(token)
            loop.execute {
                let (session, done) = box.value
                if pausesReading { session.setReading(true) }
                done(session, answer)
            }
        }
    }

    private func setReading(_ isOn: Bool) {
        context?.channel.setOption(.autoRead, value: isOn).whenFailure { _ in }
    }
}

extension Refusal {
    fileprivate static let otherTokenWaits: Refusal = .init(
        .signersUnavailable, "another token is being looked at; send this one again when that is done")
}
