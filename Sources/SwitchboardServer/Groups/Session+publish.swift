import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// What a framed client sends to a group.
extension Session {
    func publish(_ id: String?, to group: GroupName, _ payload: Payload, isDurable: Bool) {
        guard mayWrite(), let record else { return }
        guard mayPublish(to: group) else {
            return send(
                .error(code: "publish_forbidden", message: "the client may not publish to this group", ref: id))
        }
        if isDurable, !dealings.kept.take(payload.bytes.readableBytes, now: MonotonicClock.nanoseconds()) {
            node.metrics.reached(.kept)
            return send(
                .error(code: "rate_limited", message: "too much is to be kept: publish it later, or transient", ref: id)
            )
        }
        shard.counters.messagesUp += 1
        let box = NIOLoopBound(self, eventLoop: shard.loop)
        let loop = shard.loop
        node.delivery.publish(payload, to: group, from: record.client, id: id, isDurable: isDurable) { result in
            guard let id else { return }
            if loop.inEventLoop { return box.value.accepted(id, result) }
            loop.execute { box.value.accepted(id, result) }
        }
    }

    private func mayPublish(to group: GroupName) -> Bool {
        access?.allowsPublishing(to: group) == true
            || node.configuration.auth.publishableGroups.contains { $0.matches(group) }
    }
}
