import NIOCore
import SwitchboardProtocol

/// The two messages that make up nearly all traffic, transient pushes to one client, a group or all and their receipts, written
/// and read in one pass.
///
/// The bytes are exactly those of ``BusCodec``'s general way. Whatever is not in the plain form (another order of members,
/// spaces, escapes, anything unexpected) is left to that one, which also says what is wrong with it.
enum PlainLine {
    static func write(_ push: BusPush) -> ByteBuffer? {
        guard push.isCommon, let origin = push.origin else { return nil }
        let payload = push.payload.bytes
        let names = push.id.rawValue.utf8.count + origin.rawValue.utf8.count + push.target.nameLength
        var buffer = ByteBuffer()
        let isPlain = buffer.writePlain(atMost: 168 + names + payload.readableBytes) { line in
            switch push.target {
            case .client(let client):
                line.text(#"{"to":{"client":""#)
                line.name(client.rawValue)
                line.text(#""},"id":""#)
            case .group(let group):
                line.text(#"{"to":{"group":""#)
                line.name(group.rawValue)
                line.text(#""},"id":""#)
            case .all: line.text(#"{"to":{"all":true},"id":""#)
            case .clients, .labels: return false
            }
            line.name(push.id.rawValue)
            switch push.payload.format {
            case .json: line.text(#"","format":"json","origin":""#)
            case .text: line.text(#"","format":"text","origin":""#)
            case .binary: line.text(#"","format":"binary","origin":""#)
            }
            line.name(origin.rawValue)
            line.text(#"","ticket":"#)
            line.number(push.ticket)
            line.text(#","at":"#)
            line.number(push.acceptedAt)
            if push.microseconds > 0 {
                line.text(#","us":"#)
                line.number(push.microseconds)
            }
            line.text(push.waits ? #","wait":true}"# : "}")
            line.text("\n")
            payload.withUnsafeReadableBytes { line.bytes($0) }
            return line.isPlain
        }
        return isPlain ? buffer : nil
    }

    static func write(_ receipt: Receipt) -> ByteBuffer? {
        var buffer = ByteBuffer()
        let isPlain = buffer.writePlain(atMost: 200 + receipt.node.rawValue.utf8.count) { line in
            line.text(#"{"type":"receipt","ticket":"#)
            line.number(receipt.ticket)
            line.text(#","node":""#)
            line.name(receipt.node.rawValue)
            line.text(#"","matched":"#)
            line.number(receipt.matched)
            line.text(#","delivered":"#)
            line.number(receipt.delivered)
            line.text(#","dropped":"#)
            line.number(receipt.dropped)
            line.text("}")
            return line.isPlain
        }
        return isPlain ? buffer : nil
    }

    static func read(_ buffer: ByteBuffer) -> BusMessage? {
        buffer.withUnsafeReadableBytes { bytes -> BusMessage? in
            var line = PlainLineReader(bytes)
            guard line.passes(#"{"to":{""#) else { return line.receipt().map { .receipt($0) } }
            return line.push(of: buffer).map { .push($0) }
        }
    }
}

extension PlainLineReader {
    /// Behind `{"to":{"`; the payload is a slice of the buffer that is read.
    fileprivate mutating func push(of buffer: ByteBuffer) -> BusPush? {
        let target: Target
        if passes(#"client":""#) {
            guard let client = name(ClientID.self), passes(#"},"id":""#) else { return nil }
            target = .client(client)
        } else if passes(#"group":""#) {
            guard let group = name(GroupName.self), passes(#"},"id":""#) else { return nil }
            target = .group(group)
        } else {
            guard passes(#"all":true},"id":""#) else { return nil }
            target = .all
        }
        guard let id = name(PushID.self), passes(#","format":""#), let format = format(),
            passes(#","origin":""#), let origin = name(NodeID.self),
            passes(#","ticket":"#), let ticket = number(), passes(#","at":"#), let acceptedAt = number()
        else { return nil }
        var microseconds = 0
        if passes(#","us":"#) {
            guard let number = number(), number < 1000 else { return nil }
            microseconds = number
        }
        let waits = passes(#","wait":true"#)
        // Without a payload there is more to know than this way does.
        guard passes("}\n"), !isAtEnd,
            let payload = buffer.getSlice(
                at: buffer.readerIndex + position, length: buffer.readableBytes - position)
        else { return nil }
        return BusPush(
            id: id, target: target, payload: Payload(format: format, bytes: payload), origin: origin,
            ticket: UInt64(ticket), acceptedAt: UInt64(acceptedAt), microseconds: UInt16(microseconds), waits: waits)
    }

    private mutating func format() -> Payload.Format? {
        if passes(#"json""#) { return .json }
        if passes(#"text""#) { return .text }
        return passes(#"binary""#) ? .binary : nil
    }

    /// What a node says that it counted.
    private mutating func tally() -> Int? { number().flatMap { $0 <= Receipt.maximumCount ? $0 : nil } }

    fileprivate mutating func receipt() -> Receipt? {
        guard passes(#"{"type":"receipt","ticket":"#), let ticket = number(),
            passes(#","node":""#), let node = name(NodeID.self),
            passes(#","matched":"#), let matched = tally(),
            passes(#","delivered":"#), let delivered = tally(),
            passes(#","dropped":"#), let dropped = tally(), passes("}"), isAtEnd
        else { return nil }
        return Receipt(
            ticket: UInt64(ticket), node: node, matched: matched, delivered: delivered, dropped: dropped)
    }
}

extension Target {
    fileprivate var nameLength: Int {
        switch self {
        case .client(let client): client.rawValue.utf8.count
        case .group(let group): group.rawValue.utf8.count
        case .clients, .labels, .all: 0
        }
    }
}
