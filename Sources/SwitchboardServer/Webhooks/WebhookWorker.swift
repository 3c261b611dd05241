import Logging
import NIOCore
import ServiceLifecycle
import SwitchboardCore
import SwitchboardProtocol

/// Delivers events: takes some from the store, posts them, and says what became of them. Every node has one; the store sees to it that
/// they do not get in each other's way. It needs nothing of the event loops and never holds up a push.
struct WebhookWorker: Service {
    let node: Node
    let webhooks: Webhooks
    let url: String

    /// Events that come within this time of each other go together.
    private static let gathering = Duration.milliseconds(50)
    /// How often it looks for what is due again, and for losses whose grace is over.
    private static let interval = Duration.milliseconds(500)
    /// Bytes of documents of one request.
    private static let batchBytes = 256 * 1024
    /// Milliseconds beyond the time of a request after which others may take its events.
    private static let leaseSlack = 5000
    /// Seconds for which a node without Redis goes on delivering what would be gone with it.
    private static let farewell = 5.0

    private var configuration: WebhookConfiguration { webhooks.configuration }

    func run() async throws {
        let ticker = Task {
            while (try? await Task.sleep(for: Self.interval)) != nil { webhooks.bell.ring() }
        }
        defer { ticker.cancel() }
        await withGracefulShutdownHandler {
            await work()
        } onGracefulShutdown: {
            // What is under way is finished.
            webhooks.bell.end()
        }
        if node.configuration.redis == nil { await sayFarewell() }
    }

    private func work() async {
        await withDiscardingTaskGroup { tasks in
            for await _ in webhooks.bell.rings {
                if configuration.batch > 1, !webhooks.bell.takeUrgency() { try? await Task.sleep(for: Self.gathering) }
                guard node.bus.isAvailable else { continue }
                await keepBooks()
                while let claim = await claim() {
                    tasks.addTask {
                        webhooks.note(await deliver(claim))
                        webhooks.bell.ring(urgently: claim.events.count == configuration.batch)
                    }
                }
            }
        }
    }

    /// Everything but delivery.
    private func keepBooks() async {
        webhooks.recorder.flush()
        if webhooks.recorder.takeIncomplete() {
            do { try await node.announceSessions() } catch { webhooks.recorder.markIncomplete() }
        }
        do { try await webhooks.tellOverdue() } catch {
            webhooks.logger.debug("lost clients could not be told of", metadata: ["error": "\(error)"])
        }
    }

    /// - Returns: nil when nothing is to be done now.
    private func claim() async -> WebhookClaim? {
        let terms = WebhookTerms(
            token: SessionID.random().rawValue, lease: Int(configuration.timeout * 1000) + Self.leaseSlack,
            events: configuration.batch, bytes: Self.batchBytes, requests: configuration.requests,
            patience: Int(configuration.retry * 1000))
        do {
            let claim = try await webhooks.store.claim(terms)
            return claim.events.isEmpty ? nil : claim
        } catch {
            webhooks.logger.debug("webhook events could not be read", metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// - Returns: What went wrong.
    private func deliver(_ claim: WebhookClaim) async -> String? {
        let documents = claim.events.map(\.document)
        let request =
            configuration.batch > 1
            ? WebhookRequest.batch(documents, to: url, timeout: configuration.timeout)
            : .single(documents[0], to: url, timeout: configuration.timeout)
        let answer = await webhooks.post(request)
        let verdict = WebhookVerdict(patience: Int(configuration.retry * 1000))
        let settlement = verdict.settlement(of: claim, after: answer)
        do { try await webhooks.store.settle(settlement) } catch {
            // When the lease is over they are delivered again.
            webhooks.logger.debug("delivered events could not be noted", metadata: ["error": "\(error)"])
        }
        return settlement.trouble
    }

    /// Without Redis everything that waits ends with this process; nobody can come back to it within the grace.
    private func sayFarewell() async {
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(Self.farewell)
        while clock.now < deadline {
            try? await webhooks.tellOverdue()
            if let claim = await claim() {
                guard await deliver(claim) == nil else { return }
            } else {
                guard let status = try? await webhooks.store.status(), status.losses > 0 else { return }
                try? await clock.sleep(for: Self.gathering)
            }
        }
    }
}

extension Node {
    /// Tells the store of all live sessions: those that it knows change nothing.
    ///
    /// - Throws: `BusError` when the store has not heard of all.
    func announceSessions() async throws {
        for shard in shards {
            var next: Int? = 0
            while let start = next {
                // A loop that has shut down has no sessions any more.
                next = try? await shard.loop.submit { shard.announceSessions(from: start) }.get()
                // No more at once than the way to the store holds, beside the pushes.
                try await bus.barrier()
            }
        }
    }
}

extension Shard {
    /// Sessions announced in one turn of the loop.
    private static var announced: Int { 500 }

    /// On the loop, so that none can end between being looked at and being announced.
    ///
    /// - Returns: Where to go on; nil at the end.
    fileprivate func announceSessions(from start: Int) -> Int? {
        let end = min(start + Self.announced, table.slots.count)
        for slot in table.slots[min(start, end)..<end] where slot.isOpen {
            guard let session = slot.session, let record = session.record else { continue }
            node.webhooks?.connected(record, epoch: session.epoch)
        }
        return end < table.slots.count ? end : nil
    }
}
