public import NIOCore
public import SwitchboardProtocol

/// The wire form of bus messages: one line of JSON, a newline, then the payload verbatim.
///
/// Any program may publish a push in this form; then `id`, `origin` and `at` are optional, and the payload may stand in the
/// header as `text`, `data` or `base64` instead. Without `format` the bytes behind the newline are JSON when they are valid
/// JSON, else text when they are UTF-8, else binary.
public enum BusCodec {
    /// Why a message from the bus could not be understood.
    public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        public let description: String
        public init(_ description: String) { self.description = description }
    }

    /// A valid push id for a push that came without one.
    public typealias NewID = () -> PushID

    public static func encode(_ message: BusMessage) -> ByteBuffer {
        switch message {
        case .push(let push): PlainLine.write(push) ?? encodeAny(message)
        case .receipt(let receipt): PlainLine.write(receipt) ?? encodeAny(message)
        default: encodeAny(message)
        }
    }

    /// The general way.
    static func encodeAny(_ message: BusMessage) -> ByteBuffer {
        var buffer = ByteBuffer()
        if case .push(let push) = message {
            buffer.reserveCapacity(push.payload.bytes.readableBytes + 256)
        }
        var json = JSONObjectWriter(taking: &buffer)
        var body: ByteBuffer?
        switch message {
        case .push(let push):
            json.object("to") { $0.target(push.target) }
            json.string("id", push.id.rawValue)
            json.string("format", push.payload.format.rawValue)
            if let origin = push.origin {
                json.string("origin", origin.rawValue)
                json.integer("ticket", Int(clamping: push.ticket))
            }
            json.integer("at", Int(clamping: push.acceptedAt))
            if push.microseconds > 0 { json.integer("us", Int(push.microseconds)) }
            if push.waits { json.boolean("wait", true) }
            if let durable = push.durable { json.durable(durable) }
            json.trace(push.trace)
            if let from = push.from { json.string("from", from.rawValue) }
            body = push.payload.bytes
        case .receipt(let receipt):
            json.string("type", "receipt")
            json.integer("ticket", Int(clamping: receipt.ticket))
            json.string("node", receipt.node.rawValue)
            json.integer("matched", receipt.matched)
            json.integer("delivered", receipt.delivered)
            json.integer("dropped", receipt.dropped)
        case .acknowledged(let acknowledgement):
            json.string("type", "acknowledged")
            json.integer("ticket", Int(clamping: acknowledgement.ticket))
            json.string("node", acknowledgement.node.rawValue)
            json.integer("clients", acknowledgement.clients)
        case .command(let command):
            json.string("type", "command")
            json.string("id", command.id.rawValue)
            json.string("origin", command.origin.rawValue)
            json.string("client", command.client.rawValue)
            json.string("name", command.name)
            json.number("timeout", command.timeout)
            json.trace(command.trace)
            json.signature(command.signature)
            json.string("format", command.payload.format.rawValue)
            body = command.payload.bytes
        case .cancel(let cancellation):
            json.string("type", "cancel")
            json.string("id", cancellation.id.rawValue)
            json.string("client", cancellation.client.rawValue)
        case .commandEvent(let event):
            json.string("type", "commandEvent")
            json.string("id", event.id.rawValue)
            json.string("node", event.node.rawValue)
            body = json.commandEvent(event.kind)
        case .evict(let eviction):
            json.string("type", "evict")
            json.string("client", eviction.client.rawValue)
            json.string("session", eviction.session.rawValue)
            json.literal("epoch", "\(eviction.epoch)")
            json.string("node", eviction.node.rawValue)
            json.string("address", eviction.address)
        case .control(let control):
            json.string("type", "control")
            json.string("id", control.id)
            json.string("origin", control.origin.rawValue)
            json.string("client", control.client.rawValue)
            switch control.action {
            case .close(let code, let reason):
                json.string("action", "close")
                json.integer("code", Int(code))
                json.string("reason", reason)
            case .join(let group):
                json.string("action", "join")
                json.string("group", group.rawValue)
            case .leave(let group):
                json.string("action", "leave")
                json.string("group", group.rawValue)
            }
        case .done(let outcome):
            json.string("type", "done")
            json.string("id", outcome.id)
            json.string("node", outcome.node.rawValue)
            json.string("result", outcome.result.rawValue)
        case .query(let query):
            json.string("type", "query")
            json.string("id", query.id)
            json.string("origin", query.origin.rawValue)
            switch query.subject {
            case .groups: json.string("subject", "groups")
            case .members(let group):
                json.string("subject", "members")
                json.string("group", group.rawValue)
            case .stats: json.string("subject", "stats")
            case .reach(let target):
                json.string("subject", "reach")
                json.object("to") { $0.target(target) }
            case .pushes(let limit):
                json.string("subject", "pushes")
                json.integer("limit", limit)
            case .closes(let limit):
                json.string("subject", "closes")
                json.integer("limit", limit)
            case .alerts: json.string("subject", "alerts")
            case .drain: json.string("subject", "drain")
            case .serve: json.string("subject", "serve")
            }
        case .answer(let answer):
            json.string("type", "answer")
            json.string("id", answer.id)
            json.string("node", answer.node.rawValue)
            body = answer.body
        case .watch(let watch):
            json.string("type", "watch")
            json.string("id", watch.id)
            json.string("origin", watch.origin.rawValue)
            if let client = watch.client { json.string("client", client.rawValue) }
            json.strings("types", watch.types)
            json.integer("lease", watch.lease)
        case .events(let batch):
            json.string("type", "events")
            json.string("watch", batch.watch)
            json.string("node", batch.node.rawValue)
            json.integer("dropped", batch.dropped)
            body = batch.lines
        case .terminalOrder(let message):
            json.string("type", "terminalOrder")
            json.string("client", message.client.rawValue)
            json.string("origin", message.origin.rawValue)
            var frame = ByteBuffer()
            message.order.write(into: &frame)
            body = frame
        case .terminalReport(let message):
            json.string("type", "terminalReport")
            json.string("client", message.client.rawValue)
            json.string("viewer", message.viewer)
            if case .report(let event) = message.content {
                var frame = ByteBuffer()
                TerminalReport(viewer: message.viewer, event: event).write(into: &frame)
                body = frame
            }
        case .groupWatch(let watch):
            json.string("type", "groupWatch")
            json.string("group", watch.group.rawValue)
            json.string("origin", watch.origin.rawValue)
            json.integer("lease", watch.lease)
            if watch.wantsAll { json.boolean("all", true) }
        case .groupChange(let change):
            json.string("type", "groupChange")
            json.string("group", change.group.rawValue)
            json.string("node", change.node.rawValue)
            json.integer("sequence", change.sequence)
            if change.begins { json.boolean("begins", true) }
            if change.ends { json.boolean("ends", true) }
            json.boolean("complete", change.isComplete)
            json.members("joined", change.joined)
            json.strings("left", change.left.map(\.rawValue))
        case .alert(let notice):
            json.string("type", "alert")
            json.string("action", notice.action.rawValue)
            json.members(of: notice.alert)
        case .canary(let token):
            json.string("type", "canary")
            json.string("token", token)
        case .nodeUp(let node):
            json.string("type", "nodeUp")
            json.string("node", node.rawValue)
        case .nodeDown(let node):
            json.string("type", "nodeDown")
            json.string("node", node.rawValue)
        }
        buffer = json.finish()
        if let body {
            buffer.writeInteger(UInt8(ascii: "\n"))
            buffer.writeImmutableBuffer(body)
        }
        return buffer
    }

    /// - Parameter newID: Makes the id of a push that another program published without one.
    /// - Throws: ``Failure`` with the reason, fit for a log line.
    public static func decode(_ buffer: ByteBuffer, newID: NewID) throws(Failure) -> BusMessage {
        if let message = PlainLine.read(buffer) { return message }
        return try decodeAny(buffer, newID: newID)
    }

    /// The general way.
    static func decodeAny(_ buffer: ByteBuffer, newID: NewID) throws(Failure) -> BusMessage {
        var header = buffer
        var body: ByteBuffer?
        if let length = buffer.withUnsafeReadableBytes({ $0.firstIndex(of: UInt8(ascii: "\n")) }) {
            header = buffer.getSlice(at: buffer.readerIndex, length: length) ?? header
            let start = buffer.readerIndex + length + 1
            let rest = buffer.getSlice(at: start, length: buffer.writerIndex - start) ?? ByteBuffer()
            // A trailing newline alone, as `echo` writes it, is no payload.
            body = rest.readableBytes > 0 ? rest : nil
        }
        return try BusHeader(header).message(body: body, newID: newID)
    }
}

extension JSONObjectWriter {
    fileprivate mutating func durable(_ durable: BusPush.Durable) {
        integer("expires", Int(clamping: durable.expiresAt))
        if let collapse = durable.collapse { string("collapse", collapse) }
        guard let place = durable.place else { return }
        string("offset", place.offset.description)
        string("previous", place.previous.description)
        if let epoch = place.epoch { string("epoch", epoch) }
    }

    /// - Returns: The payload that goes behind the header.
    fileprivate mutating func commandEvent(_ kind: CommandEvent.Kind) -> ByteBuffer? {
        let payload: Payload?
        switch kind {
        case .delivered: payload = named("delivered")
        case .notHere: payload = named("notHere")
        case .unsupported: payload = named("unsupported")
        case .queueFull: payload = named("queueFull")
        case .sessionEnded: payload = named("sessionEnded")
        case .output(let piece):
            string("event", "output")
            payload = piece
        case .result(let status, let result):
            string("event", "result")
            integer("status", status)
            payload = result
        }
        guard let payload else { return nil }
        string("format", payload.format.rawValue)
        return payload.bytes
    }

    private mutating func named(_ event: String) -> Payload? {
        string("event", event)
        return nil
    }

    /// The members of the `to` object.
    public mutating func target(_ target: Target) {
        switch target {
        case .client(let client): string("client", client.rawValue)
        case .clients(let clients): strings("clients", clients.map(\.rawValue))
        case .group(let group): string("group", group.rawValue)
        case .labels(let labels): strings("labels", labels)
        case .all: literal("all", "true")
        }
    }
}
