import NIOCore
public import SwitchboardCore
import SwitchboardProtocol

extension RedisStore {
    /// The most bytes that one page takes; what is missed beyond it is too much.
    private var historyBytes: Int { min(4 << 20, link.configuration.messageLimit / 2) }

    public func append(
        _ push: BusPush, limit: Int,
        completion: @escaping @Sendable (Result<(place: BusPush.Place, nodes: Int), BusError>) -> Void
    ) {
        guard let channel = push.target.historyChannel, let durable = push.durable else {
            return completion(.failure(.unavailable("only a durable push to a group or to all has a history")))
        }
        let keys = self.keys
        let message = BusCodec.encode(.push(push))
        let expiresAt = Int(min(durable.expiresAt, 1 << 52))
        link.run(.append, keys: 2, arguments: 5) { buffer in
            buffer.argument(keys.history, channel)
            buffer.argument(keys.historyState, channel)
            buffer.argument(keys.push)
            buffer.argument(message)
            buffer.argument(expiresAt)
            buffer.argument(limit)
            buffer.argument(SessionID.random().rawValue)
        } completion: { result in
            completion(
                result.flatMap { reply in
                    guard let elements = reply.elements, elements.count == 4, let offset = elements[0].offset,
                        let previous = elements[1].offset, let epoch = elements[2].text,
                        let nodes = elements[3].integer
                    else { return .failure(.unexpectedReply(to: .append)) }
                    return .success((BusPush.Place(offset: offset, previous: previous, epoch: epoch), nodes))
                })
        }
    }

    public func history(
        of channel: String, after offset: HistoryOffset?, limit: Int,
        completion: @escaping @Sendable (Result<HistoryPage, BusError>) -> Void
    ) {
        read(channel, offset?.epoch ?? "", (offset?.offset ?? .zero).description, limit, completion)
    }

    public func newestHistory(
        of channel: String, limit: Int, completion: @escaping @Sendable (Result<HistoryPage, BusError>) -> Void
    ) {
        read(channel, "", "+", limit, completion)
    }

    private func read(
        _ channel: String, _ epoch: String, _ offset: String, _ limit: Int,
        _ completion: @escaping @Sendable (Result<HistoryPage, BusError>) -> Void
    ) {
        let (keys, bytes) = (self.keys, historyBytes)
        link.run(.history, keys: 2, arguments: 5) { buffer in
            buffer.argument(keys.history, channel)
            buffer.argument(keys.historyState, channel)
            buffer.argument(SessionID.random().rawValue)
            buffer.argument(epoch)
            buffer.argument(offset)
            buffer.argument(limit)
            buffer.argument(bytes)
        } completion: { [drops = link.drops] result in
            completion(
                result.flatMap { reply in
                    guard let elements = reply.elements, elements.count == 4, let epoch = elements[1].text,
                        let newest = elements[2].offset, let entries = elements[3].elements
                    else { return .failure(.unexpectedReply(to: .history)) }
                    let isRecovered = elements[0] == .integer(1)
                    return .success(
                        HistoryPage(
                            newest: HistoryOffset(epoch: epoch, offset: newest),
                            pushes: isRecovered ? entries.storedPushes(epoch: epoch, drops: drops) : nil))
                })
        }
    }
}

extension Target {
    /// The channel in whose history pushes to this target are kept.
    fileprivate var historyChannel: String? {
        switch self {
        case .group(let name): "group:\(name)"
        case .all: "all"
        case .client, .clients, .labels: nil
        }
    }
}
