import Logging
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardRedis
import Synchronization

/// What a node tells its backends, and whom it asks. Made only where a URL is configured.
final class Webhooks: Sendable {
    let configuration: WebhookConfiguration
    let store: any WebhookStore
    let writer: CloudEventWriter
    let recorder: WebhookRecorder
    let bell = WebhookBell()
    /// nil asks nobody.
    let connecting: ConnectingHook?
    let post: WebhookPoster
    let logger: Logger
    private let node: NodeID
    /// Without Redis nobody can come back to this cluster when the node stops.
    private let isAlone: Bool
    private let lastTrouble = Mutex<String?>(nil)

    init(
        configuration: ServerConfiguration, store: any WebhookStore, post: @escaping WebhookPoster, logger: Logger
    ) {
        let webhooks = configuration.webhooks
        self.configuration = webhooks
        self.store = store
        self.post = post
        self.logger = logger
        node = configuration.node
        isAlone = configuration.redis == nil
        let source = webhooks.source ?? "urn:switchboard:\(configuration.redis?.prefix.rawValue ?? "sb")"
        let writer = CloudEventWriter(source: source)
        self.writer = writer
        let bell = bell
        recorder = WebhookRecorder(store: store, limits: webhooks.limits, logger: logger) { bell.ring() }
        connecting = webhooks.connectingURL.map { url in
            ConnectingHook(
                url: url, timeout: webhooks.connectingTimeout, standard: webhooks.connectingDefault,
                maximumGroups: configuration.maximumGroups, writer: writer, node: configuration.node, post: post,
                logger: logger)
        }
    }

    private var isTelling: Bool { configuration.url != nil }
    private func tells(_ kind: WebhookKind) -> Bool { isTelling && configuration.events.contains(kind) }
    private var followsSessions: Bool { tells(.connected) || tells(.disconnected) }

    func connected(_ record: SessionRecord, epoch: UInt64) {
        guard followsSessions else { return }
        let event = tells(.connected) ? writer.connected(record, epoch: epoch) : nil
        recorder.connected(WebhookSession(record, epoch: epoch), event)
    }

    func lost(_ departure: Departure) {
        guard followsSessions else { return }
        recorder.record(.lost(SessionLoss(departure), grace: grace(of: departure)))
    }

    /// Milliseconds. A client that was told to come back later is given that time as well.
    private func grace(of departure: Departure) -> Int {
        let code = CloseCode(rawValue: departure.closeCode)
        let isMove = code == .nodeDraining || code == .rebalanced
        if isMove, isAlone { return 0 }
        let delay = isMove ? CloseCode.delay(inReason: departure.reason) ?? 0 : 0
        return Int((configuration.grace + delay) * 1000)
    }

    /// Sessions of a node that died.
    func lost(_ losses: [SessionLoss]) async throws {
        guard followsSessions else { return }
        try await store.lost(losses, grace: Int(configuration.grace * 1000))
    }

    func health(_ record: SessionRecord, epoch: UInt64, _ health: ByteBuffer) {
        guard tells(.health) else { return }
        recorder.record(.event(writer.health(record, epoch: epoch, health, at: WallClock.milliseconds())))
    }

    func alert(_ alert: Alert, isRaised: Bool) {
        guard tells(isRaised ? .alertRaised : .alertCleared) else { return }
        recorder.record(.event(writer.alert(alert, isRaised: isRaised, at: WallClock.milliseconds())))
    }

    func expired(_ push: ExpiredPush) {
        guard tells(.pushExpired) else { return }
        recorder.record(.event(writer.expired(push, node: node, at: WallClock.milliseconds())))
    }

    func attached(_ visit: TerminalVisit) {
        guard tells(.terminalAttached) else { return }
        recorder.record(.event(writer.terminal(.terminalAttached, visit, node: node, at: WallClock.milliseconds())))
    }

    func ended(_ visit: TerminalVisit, status: Int?, signal: Int?, reason: TerminalReport.Ending) {
        guard tells(.terminalEnded) else { return }
        recorder.record(
            .event(
                writer.terminal(.terminalEnded, visit, node: node, at: WallClock.milliseconds()) {
                    $0.ending(status: status, signal: signal, reason: reason)
                }))
    }

    /// - Parameter completion: As of ``PresenceStore/accept(_:completion:)``.
    func message(
        _ message: UpstreamMessage, epoch: UInt64, completion: @escaping @Sendable (Result<Bool, BusError>) -> Void
    ) {
        store.append(
            writer.message(message, epoch: epoch), messageID: message.id, limits: configuration.limits
        ) { [bell] result in
            switch result {
            case .success(.waits):
                bell.ring()
                completion(.success(true))
            case .success(.givenUp): completion(.success(true))
            case .success(.known): completion(.success(false))
            case .success(.refused): completion(.failure(.unavailable("too many events wait for the webhook")))
            case .failure(let error): completion(.failure(error))
            }
        }
    }

    /// Tells of losses whose grace is over.
    func tellOverdue() async throws {
        while true {
            let overdue = try await store.overdue(limit: Self.overdueBatch)
            guard !overdue.isEmpty else { return }
            let losses = overdue.map { ($0, tells(.disconnected) ? writer.disconnected($0) : nil) }
            // None when another node was faster.
            guard try await store.disconnected(losses, limits: configuration.limits) > 0 else { return }
        }
    }

    private static let overdueBatch = 500

    /// What became of a request: one line when they begin to fail, or fail otherwise, and one when they succeed again.
    func note(_ trouble: String?) {
        let before = lastTrouble.withLock { last in
            defer { last = trouble }
            return last
        }
        guard trouble != before else { return }
        if let trouble {
            logger.warning("the webhook fails; events are kept", metadata: ["reason": "\(trouble)"])
        } else {
            logger.info("the webhook answers again")
        }
    }
}
