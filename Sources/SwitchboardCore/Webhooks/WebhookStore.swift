/// Events on their way to the backends: which clients the backends believe to be connected, the queue of events that wait for
/// delivery, and those that were given up.
///
/// Nothing is written here unless somebody calls: a cluster without webhooks pays nothing. Completions are called exactly once,
/// on any thread.
public protocol WebhookStore: AnyObject, Sendable {
    /// A session has become its client's current one.
    ///
    /// The event is added only when the client was not connected before, as the backends know it: neither when the session replaces
    /// another nor when it comes within the grace after one was lost, which ends the grace. A session that is older than the known
    /// one changes nothing.
    ///
    /// - Parameter event: nil only keeps account.
    /// - Parameter completion: Whether the client is new.
    func connected(
        _ session: WebhookSession, event: WebhookEvent?, limits: WebhookLimits,
        completion: @escaping @Sendable (Result<Bool, BusError>) -> Void)

    /// A session has ended. Unless it is not its client's known one, the loss is to be told when the grace is over.
    ///
    /// - Parameter grace: Milliseconds from now.
    /// - Parameter completion: Whether it was the client's known session, and its loss was not known yet.
    func lost(_ loss: SessionLoss, grace: Int, completion: @escaping @Sendable (Result<Bool, BusError>) -> Void)

    /// The same for many at once; saying it twice does no harm.
    func lost(_ losses: [SessionLoss], grace: Int) async throws

    /// Losses whose grace is over, oldest first. They stay until ``disconnected(_:limits:)``.
    func overdue(limit: Int) async throws -> [OverdueLoss]

    /// Tells of losses whose grace is over, each once, whoever else does so: the others add nothing.
    ///
    /// - Parameter losses: With the event to add; nil only keeps account.
    /// - Returns: The number of those that were told of by this call.
    func disconnected(_ losses: [(loss: OverdueLoss, event: WebhookEvent?)], limits: WebhookLimits) async throws -> Int

    /// Adds an event to the queue.
    ///
    /// - Parameter messageID: An id of the client's; a repeat within 5 minutes (``UpstreamMessage/idLifetime``) adds nothing.
    func append(
        _ event: WebhookEvent, messageID: String?, limits: WebhookLimits,
        completion: @escaping @Sendable (Result<WebhookAppended, BusError>) -> Void)

    /// Takes events that are due, for one request. Until they are settled, or the lease is over, nobody else gets them, nor
    /// others of the same clients.
    func claim(_ terms: WebhookTerms) async throws -> WebhookClaim

    /// Says what became of claimed events.
    func settle(_ settlement: WebhookSettlement) async throws

    func status() async throws -> WebhookStatus

    /// Events that were given up, oldest first, behind `cursor`.
    func dead(limit: Int, after cursor: StreamOffset?) async throws -> [DeadWebhook]

    /// Puts events that were given up back into the queue, as new ones, and ends a pause.
    ///
    /// - Parameter ids: nil for all of them.
    /// - Returns: How many there were.
    func replay(_ ids: [StreamOffset]?) async throws -> Int

    /// Forgets events that were given up.
    ///
    /// - Parameter ids: nil for all of them.
    /// - Returns: How many there were.
    func forget(_ ids: [StreamOffset]?) async throws -> Int
}
