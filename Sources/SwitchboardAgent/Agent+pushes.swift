import NIOCore
import SwitchboardProtocol

extension Agent {
    /// A push has arrived: it waits for its turn.
    ///
    /// - Parameter bytes: Those of its whole frame.
    func received(_ push: ServerFrame.Push, bytes: Int) {
        if let offset = push.offset, followed.contains(push.channel) { seen[push.channel] = offset }
        let isFull = gate.add(bytes: bytes)
        arrivals.continuation.yield(.push(push, bytes: bytes))
        if isFull { updateReading() }
    }

    /// It is this push's turn.
    func handle(_ push: ServerFrame.Push, bytes: Int) async {
        if await isDone(push) {
            if push.wantsAck { acks.handled(id: push.id) }
            // An ack covers everything before it, so behind a push that has to come again there is none.
            if let offset = push.offset, push.channel == "client", !hasSkippedMail {
                acks.handled(offset: offset, .now())
            }
        } else if push.channel == "client", push.offset != nil {
            hasSkippedMail = true
        }
        if gate.remove(bytes: bytes) { updateReading() }
        flushAcks()
        endIfStopped()
    }

    /// Hands the push to its handler, unless that was done before.
    ///
    /// - Returns: Whether it may be acknowledged.
    private func isDone(_ push: ServerFrame.Push) async -> Bool {
        if memory.pushes.contains(push.id) { return true }
        // The mailbox keeps it for the next run.
        if isStopping, push.offset != nil, push.channel == "client" { return false }
        await handlers.onPush(push)
        // A handler that was cancelled may have stopped midway: then the push has to come again.
        guard !Task.isCancelled else { return false }
        let place = followed.contains(push.channel) ? push.offset : nil
        let record = StateRecord.push(
            id: push.id, at: Self.unixSeconds(), place: place.map { .init(channel: push.channel, offset: $0) })
        // One that was sent to whoever was connected does not come again after a restart.
        guard push.offset != nil || push.wantsAck else {
            memory.apply(record)
            return true
        }
        return note(record)
    }

    /// Sends the acknowledgements that are due, and sets the timer for those that are not yet.
    func flushAcks() {
        guard state.isOnline, link?.isWritable == true, let due = acks.due(isIdle: gate.count == 0, .now()) else {
            return
        }
        guard due > .now() else { return sendAcks() }
        guard ackTimer == nil else { return }
        ackTimer = eventLoop.scheduleTask(deadline: due) {
            self.assumeIsolated {
                $0.ackTimer = nil
                $0.flushAcks()
            }
        }
    }

    func sendAcks() {
        ackTimer?.cancel()
        ackTimer = nil
        for frame in acks.take() { write(frame) }
    }
}
