import NIOCore
import SwitchboardCore

/// What a script of a Redis Cluster has returned: its own reply, and what it wants published to channels of other slots.
struct Announcements {
    let reply: RESPReply
    let messages: [(channel: ByteBuffer, message: ByteBuffer)]

    init(_ wrapped: RESPReply) {
        let parts = wrapped.elements ?? []
        reply = parts.first ?? wrapped
        messages = stride(from: 1, to: parts.count - 1, by: 2).compactMap { index in
            guard case .bulk(let channel) = parts[index], case .bulk(let message) = parts[index + 1] else { return nil }
            return (channel, message)
        }
    }

    /// The reply of a script that published one message by itself.
    ///
    /// - Parameter count: Who has received it.
    func reply(of script: RedisScript, received count: Int) -> RESPReply {
        switch script.receivers {
        case nil: return reply
        case .reply: return .integer(count)
        case .element(let index):
            guard case .array(var elements) = reply, elements.indices.contains(index) else { return reply }
            elements[index] = .integer(count)
            return .array(elements)
        }
    }
}

extension RedisLink {
    /// Publishes what a script could not publish itself, then completes with its reply. This is a second step: when it fails, what
    /// the script has written stays.
    ///
    /// What scripts of one server return is published in the order of their replies.
    func announce(
        _ announcements: Announcements, of script: RedisScript,
        _ completion: @escaping @Sendable (Result<RESPReply, BusError>) -> Void
    ) {
        guard script.receivers != nil, let only = announcements.messages.first else {
            for (channel, message) in announcements.messages { publish(message, on: channel, .nobody) }
            return completion(.success(announcements.reply))
        }
        let isShared = only.channel.readableBytesView.elementsEqual(keys.push.utf8)
        publish(
            only.message, on: only.channel,
            .receivers { result in
                completion(
                    result.map { count in
                        // Whoever else listens on a node's channel is counted too, but only the node answers.
                        announcements.reply(of: script, received: isShared ? count : min(1, count))
                    })
            })
    }

    private func publish(_ message: ByteBuffer, on channel: ByteBuffer, _ consumer: PendingCommand.Consumer) {
        send(consumer) { buffer, _ in
            buffer.command(arguments: 3)
            buffer.argument(dialect.publish)
            buffer.argument(channel)
            buffer.argument(message)
        }
    }
}
