import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// What the script says that puts a push into a mailbox.
enum EnqueueReply {
    case done(Enqueued)
    /// Entries that have expired are in its way.
    case makeRoom

    static func parse(_ reply: RESPReply) -> Result<EnqueueReply, BusError> {
        switch reply.elements {
        case []?: return .success(.makeRoom)
        case let elements? where elements.count == 2:
            guard let pushes = elements[0].integer, let bytes = elements[1].integer else { break }
            return .success(.done(.full(MailboxSize(pushes: pushes, bytes: bytes))))
        case let elements? where elements.count >= 6:
            guard let offset = elements[0].offset, let previous = elements[1].offset, let nodes = elements[2].integer,
                let pushes = elements[4].integer, let bytes = elements[5].integer
            else { break }
            return .success(
                .done(
                    .stored(
                        BusPush.Place(offset: offset, previous: previous), nodes: nodes, collapsed: elements[3].pushID,
                        displaced: elements[6...].compactMap(\.pushID),
                        size: MailboxSize(pushes: pushes, bytes: bytes))))
        default: break
        }
        return .failure(.unexpectedReply(to: .enqueue))
    }

    var outcome: Result<Enqueued, BusError> {
        if case .done(let outcome) = self { .success(outcome) } else { .failure(.unexpectedReply(to: .enqueue)) }
    }
}

/// What the script says that reads a mailbox.
struct MailReply {
    var page: MailPage
    /// The last offset that was looked at.
    var end: String

    /// - Parameter drops: Counts entries that cannot be understood; they are left out.
    static func parse(_ reply: RESPReply, of client: ClientID, drops: DropCounter) -> Result<MailReply, BusError> {
        guard let elements = reply.elements, elements.count == 4, let end = elements[1].text,
            let expired = elements[2].elements, let entries = elements[3].elements
        else { return .failure(.unexpectedReply(to: .mail)) }
        let page = MailPage(
            pushes: entries.storedPushes(epoch: nil, drops: drops),
            expired: expired.compactMap { $0.expired(of: client) },
            hasMore: elements[0] == .integer(1))
        return .success(MailReply(page: page, end: end))
    }
}

/// What the script says that removes acked entries.
struct AckReply {
    var hasMore: Bool
    var pushes: [AckedPush]

    static func parse(_ reply: RESPReply) -> Result<AckReply, BusError> {
        guard let elements = reply.elements, elements.count % 2 == 1 else {
            return .failure(.unexpectedReply(to: .ack))
        }
        let pushes = stride(from: 1, to: elements.count, by: 2).compactMap { index in
            elements[index].pushID.map { AckedPush(id: $0, waiter: elements[index + 1].waiter) }
        }
        return .success(AckReply(hasMore: elements[0] == .integer(1), pushes: pushes))
    }
}

/// What the script says that removes expired entries.
struct ExpireReply {
    /// The offset behind which to go on; nil at the end.
    var end: String?
    /// Unix milliseconds; nil when nothing is left that expires.
    var nextExpiry: Int?
    var pushes: [ExpiredPush]

    static func parse(_ reply: RESPReply, of client: ClientID) -> Result<ExpireReply, BusError> {
        guard let elements = reply.elements, elements.count >= 2, let end = elements[0].text else {
            return .failure(.unexpectedReply(to: .expire))
        }
        return .success(
            ExpireReply(
                end: end.isEmpty ? nil : end, nextExpiry: elements[1].integer,
                pushes: elements[2...].compactMap { $0.expired(of: client) }))
    }
}

extension BusError {
    static func unexpectedReply(to script: RedisScript) -> BusError {
        .unavailable("the script '\(script)' gave an unexpected answer")
    }
}

extension [RESPReply] {
    /// Offset, previous offset and message of each push that a script has read.
    func storedPushes(epoch: String?, drops: DropCounter) -> [BusPush] {
        stride(from: 0, to: count - 2, by: 3).compactMap { index in
            guard let offset = self[index].offset, let previous = self[index + 1].offset,
                case .bulk(let bytes) = self[index + 2]
            else { return nil }
            do throws(BusCodec.Failure) {
                let message = try BusCodec.decode(bytes) { PushID(unchecked: "") }
                guard case .push(var push) = message, push.durable != nil else {
                    drops.count("something else than a durable push is kept at \(offset)")
                    return nil
                }
                push.durable?.place = BusPush.Place(offset: offset, previous: previous, epoch: epoch)
                return push
            } catch {
                drops.count(error.description)
                return nil
            }
        }
    }
}

extension RESPReply {
    var offset: StreamOffset? { text.flatMap { StreamOffset($0) } }

    /// nil for an empty text as well.
    var pushID: PushID? { text.flatMap { $0.isEmpty ? nil : PushID(unchecked: $0) } }

    /// `ID` or `ID TRACEPARENT`.
    fileprivate func expired(of client: ClientID) -> ExpiredPush? {
        guard let words = text?.split(separator: " ", maxSplits: 1), let id = words.first else { return nil }
        let trace = words.count > 1 ? TraceContext(traceparent: String(words[1])) : nil
        return ExpiredPush(id: PushID(unchecked: String(id)), client: client, trace: trace)
    }

    /// `NODE TICKET`.
    fileprivate var waiter: AckedPush.Waiter? {
        guard let text, let space = text.firstIndex(of: " "), let ticket = UInt64(text[text.index(after: space)...])
        else { return nil }
        return AckedPush.Waiter(node: NodeID(unchecked: String(text[..<space])), ticket: ticket)
    }
}
