import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// The client's mailbox: what waits for it, what comes, and what it has acked.
final class SessionMail {
    /// The most pushes and bytes of payload that are read at once.
    static let pagePushes = 100
    static let pageBytes = 128 * 1024
    /// The most receipts that wait for a read of the mailbox; the origin of one more hears nothing in time, and says so.
    static let maximumHeld = 1000

    var cursor = MailCursor()
    /// Pushes that the read under way will bring; their origins want to know.
    var held: [(offset: StreamOffset, push: BusPush)] = []
    /// What the client has acked ...
    var acked = StreamOffset.zero
    /// ... and what the store has been told of it.
    var settled = StreamOffset.zero
    var isAcknowledging = false
    /// The queue is not empty: the next page is read when it is.
    var awaitsDrain = false
}

extension Session {
    /// A durable push to this client. The receipt is given when it has been handed over.
    func deliverDurable(_ push: BusPush, at place: BusPush.Place) {
        let mail = openMail()
        let arrival = mail.cursor.arrived(place)
        if case .hold = arrival, mail.held.count < SessionMail.maximumHeld { mail.held.append((place.offset, push)) }
        switch arrival {
        case .send: shard.deliver(push, to: self)
        case .repeated: node.give(PushOutcome(.delivered), for: push)
        case .hold(let begins): if begins { readMail() }
        }
    }

    /// Looks for what waits; a session that is not open yet does so when it opens.
    func checkMail() {
        guard phase == .open else {
            hasMail = true
            return
        }
        acknowledge()
        if openMail().cursor.check() { readMail() }
    }

    /// Most sessions never have any.
    private func openMail() -> SessionMail {
        if let mail { return mail }
        let mail = SessionMail()
        self.mail = mail
        return mail
    }

    private func readMail() {
        guard phase == .open, let record, let mail else { return }
        let box = NIOLoopBound(self, eventLoop: shard.loop)
        let loop = shard.loop
        node.store.mail(
            of: record.client, after: mail.cursor.handed, limit: SessionMail.pagePushes, bytes: SessionMail.pageBytes
        ) { result in
            loop.execute { box.value.read(result) }
        }
    }

    private func read(_ result: Result<MailPage, BusError>) {
        guard phase == .open, let mail else { return }
        switch result {
        case .failure:
            mail.cursor.failed()
            // Their origins hear nothing, and say so; the pushes themselves are kept.
            mail.held.removeAll()
            retryMail()
        case .success(let page):
            for expired in page.expired { node.expired(expired) }
            for push in page.pushes {
                guard let place = push.durable?.place, mail.cursor.take(place) else { continue }
                append(PreparedPush(push))
                // Those that are held tell it with their receipts.
                if node.events.isWatched, let client = record?.client,
                    !mail.held.contains(where: { $0.offset == place.offset })
                {
                    node.note(push, .pushDelivered, .client(client))
                }
            }
            let goesOn = mail.cursor.finished(hasMore: page.hasMore)
            let done = mail.held.filter { $0.offset <= mail.cursor.handed }
            mail.held.removeAll { $0.offset <= mail.cursor.handed }
            // Without anything to send there is nothing to wait for.
            if goesOn, pending == nil, queuedBytes == 0 { readMail() } else { mail.awaitsDrain = goesOn }
            shard.flushPage(of: self, receipts: done.map(\.push))
        }
    }

    /// When the bus comes back every mailbox is looked into; what failed otherwise is tried again.
    private func retryMail() {
        guard node.bus.isAvailable else { return }
        shard.loop.scheduleTask(in: .seconds(1)) { [shard, place] in shard.session(at: place)?.checkMail() }
    }

    /// The queue is empty: the client keeps up, and can be given more.
    func mailDrained() {
        guard phase == .open, let mail else { return }
        if mail.awaitsDrain {
            mail.awaitsDrain = false
            readMail()
        }
        // A raw client cannot say that it has received something; that it has been written is all there is to know.
        if mode == .raw, mail.cursor.handed > .zero { acknowledge(upTo: mail.cursor.handed) }
    }

    // MARK: Acks

    /// The client has received everything up to `text`.
    func received(upTo text: String) {
        guard let offset = StreamOffset(text) else {
            // Offsets of histories need no ack: the client names them when it comes back.
            guard HistoryOffset(text) == nil, mayControl() else { return }
            return send(.error(code: "invalid_frame", message: "'offset' is not one of ours", ref: nil))
        }
        // Nobody can have received what has not been sent.
        guard let handed = mail?.cursor.handed else { return }
        acknowledge(upTo: min(offset, handed))
    }

    private func acknowledge(upTo offset: StreamOffset) {
        guard let mail, offset > mail.acked else { return }
        mail.acked = offset
        acknowledge()
    }

    /// Tells the store what it does not know yet; acks that come meanwhile go together.
    private func acknowledge() {
        guard let record, let mail, mail.acked > mail.settled, !mail.isAcknowledging else { return }
        mail.isAcknowledging = true
        let offset = mail.acked
        let box = NIOLoopBound(self, eventLoop: shard.loop)
        let (loop, node) = (shard.loop, node)
        node.store.acknowledge(record.client, upTo: offset) { result in
            if case .success(let pushes) = result { node.acknowledged(pushes, by: record.client) }
            let isSettled = if case .success = result { true } else { false }
            loop.execute { box.value.acknowledged(upTo: offset, isSettled: isSettled) }
        }
    }

    private func acknowledged(upTo offset: StreamOffset, isSettled: Bool) {
        guard let mail else { return }
        mail.isAcknowledging = false
        // What the store has not heard is told again, at the latest when the bus is back.
        guard isSettled else { return retryMail() }
        mail.settled = max(mail.settled, offset)
        acknowledge()
    }
}
