import NIOCore
import SwitchboardProtocol

/// The first line of a bus message, read member by member.
struct BusHeader {
    private let document: JSONDocument

    init(_ line: ByteBuffer) throws(BusCodec.Failure) {
        do throws(JSONError) { document = try JSONDocument(line) } catch { throw BusCodec.Failure(error.description) }
    }

    func message(body: ByteBuffer?, newID: BusCodec.NewID) throws(BusCodec.Failure) -> BusMessage {
        guard document["type"] != nil else { return .push(try push(body: body, newID: newID)) }
        switch try word("type") {
        case "push": return .push(try push(body: body, newID: newID))
        case "receipt":
            return .receipt(
                Receipt(
                    ticket: UInt64(try count("ticket")), node: try name("node"), matched: try tally("matched"),
                    delivered: try tally("delivered"), dropped: try tally("dropped")))
        case "acknowledged":
            return .acknowledged(
                Acknowledgement(
                    ticket: UInt64(try count("ticket")), node: try name("node"), clients: try tally("clients")))
        case "command":
            return .command(
                BusCommand(
                    id: try name("id"), client: try name("client"), name: try string("name"),
                    payload: try payload(body), timeout: try timeout(), origin: try name("origin"),
                    trace: document.trace, signature: document.commandSignature))
        case "cancel": return .cancel(Cancellation(id: try name("id"), client: try name("client")))
        case "commandEvent":
            return .commandEvent(
                CommandEvent(id: try name("id"), node: try name("node"), kind: try commandEvent(body)))
        case "evict":
            return .evict(
                Eviction(
                    client: try name("client"), session: try name("session"), epoch: UInt64(try count("epoch")),
                    node: try name("node"), address: try string("address")))
        case "control":
            return .control(
                Control(
                    id: try string("id"), origin: try name("origin"), client: try name("client"), action: try action()))
        case "done":
            guard let result = ControlOutcome.Result(rawValue: try word("result")) else { throw unfit("result") }
            return .done(ControlOutcome(id: try string("id"), node: try name("node"), result: result))
        case "query":
            return .query(Query(id: try string("id"), origin: try name("origin"), subject: try subject()))
        case "answer":
            return .answer(Answer(id: try string("id"), node: try name("node"), body: body ?? ByteBuffer()))
        case "watch": return .watch(try watch())
        case "events":
            return .events(
                EventBatch(
                    watch: try string("watch"), node: try name("node"), dropped: try tally("dropped"),
                    lines: body ?? ByteBuffer()))
        case "terminalOrder":
            return .terminalOrder(
                BusTerminalOrder(
                    client: try name("client"), origin: try name("origin"),
                    order: try frame(body, TerminalOrder.init(parsing:))))
        case "terminalReport":
            return .terminalReport(
                BusTerminalReport(
                    client: try name("client"), viewer: try string("viewer"), content: try terminalContent(body)))
        case "groupWatch":
            return .groupWatch(
                GroupWatch(
                    group: try name("group"), origin: try name("origin"),
                    lease: min(try count("lease"), Watch.maximumLease), wantsAll: try flag("all")))
        case "groupChange":
            guard let joined = document.groupMembers("joined"), let left = document.clients("left") else {
                throw unfit("joined")
            }
            return .groupChange(
                GroupChange(
                    group: try name("group"), node: try name("node"), sequence: try count("sequence"),
                    begins: try flag("begins"), ends: try flag("ends"), isComplete: try flag("complete"),
                    joined: joined, left: left))
        case "alert":
            guard let action = AlertNotice.Action(rawValue: try word("action")) else { throw unfit("action") }
            guard let alert = Alert(parsing: document) else { throw BusCodec.Failure("not a valid alert") }
            return .alert(AlertNotice(action, alert))
        case "canary": return .canary(try string("token"))
        case "nodeUp": return .nodeUp(try name("node"))
        case "nodeDown": return .nodeDown(try name("node"))
        default: throw unfit("type")
        }
    }

    private func push(body: ByteBuffer?, newID: BusCodec.NewID) throws(BusCodec.Failure) -> BusPush {
        let target = try target()
        return BusPush(
            id: document["id"] == nil ? newID() : try name("id"), target: target, payload: try payload(body),
            origin: document["origin"] == nil ? nil : try name("origin"),
            ticket: document["ticket"] == nil || document["origin"] == nil ? 0 : UInt64(try count("ticket")),
            acceptedAt: document["at"] == nil ? 0 : UInt64(try count("at")),
            microseconds: document["us"] == nil ? 0 : UInt16(min(try count("us"), 999)),
            waits: document["wait"].flatMap { document.boolean($0) } ?? false, durable: try durable(),
            trace: document.trace, from: document["from"] == nil ? nil : try name("from"))
    }

    private func flag(_ name: String) throws(BusCodec.Failure) -> Bool {
        guard let slice = document[name] else { return false }
        guard let value = document.boolean(slice) else { throw unfit(name) }
        return value
    }

    private func target() throws(BusCodec.Failure) -> Target {
        guard let slice = document["to"], let to = document.object(slice) else { throw unfit("to") }
        do throws(TargetError) { return try Target(parsing: to) } catch { throw BusCodec.Failure(error.description) }
    }

    private func durable() throws(BusCodec.Failure) -> BusPush.Durable? {
        guard document["expires"] != nil else { return nil }
        var durable = BusPush.Durable(
            expiresAt: UInt64(try count("expires")),
            collapse: document["collapse"] == nil ? nil : try string("collapse"))
        guard document["offset"] != nil else { return durable }
        guard let offset = StreamOffset(try string("offset")), let previous = StreamOffset(try string("previous"))
        else {
            throw unfit("offset")
        }
        durable.place = BusPush.Place(
            offset: offset, previous: previous, epoch: document["epoch"] == nil ? nil : try string("epoch"))
        return durable
    }

    private func commandEvent(_ body: ByteBuffer?) throws(BusCodec.Failure) -> CommandEvent.Kind {
        switch try word("event") {
        case "delivered": return .delivered
        case "notHere": return .notHere
        case "unsupported": return .unsupported
        case "queueFull": return .queueFull
        case "sessionEnded": return .sessionEnded
        case "output": return .output(try payload(body))
        case "result":
            return .result(status: try count("status"), document["format"] == nil ? nil : try payload(body))
        default: throw unfit("event")
        }
    }

    private func payload(_ body: ByteBuffer?) throws(BusCodec.Failure) -> Payload {
        if let body {
            guard document["data"] == nil, document["text"] == nil, document["base64"] == nil else {
                throw BusCodec.Failure("a payload in the header and one behind it")
            }
            guard document["format"] != nil else { return Payload(format: Self.format(of: body), bytes: body) }
            guard let format = Payload.Format(rawValue: try word("format")) else { throw unfit("format") }
            return Payload(format: format, bytes: body)
        }
        do throws(PayloadError) {
            return try Payload(parsing: document)
        } catch {
            // A node's own push with an empty payload has a format and nothing behind the newline.
            if error == .missing, document["format"] != nil, let format = Payload.Format(rawValue: try word("format")) {
                return Payload(format: format, bytes: ByteBuffer())
            }
            throw BusCodec.Failure(error.description)
        }
    }

    private static func format(of body: ByteBuffer) -> Payload.Format {
        if (try? JSONDocument.validate(body)) != nil { return .json }
        return UTF8Text.isValid(body) ? .text : .binary
    }

    private func action() throws(BusCodec.Failure) -> Control.Action {
        switch try word("action") {
        case "close":
            guard let code = UInt16(exactly: try count("code")) else { throw unfit("code") }
            return .close(code: code, reason: try string("reason"))
        case "join": return .join(try name("group"))
        case "leave": return .leave(try name("group"))
        default: throw unfit("action")
        }
    }

    private func subject() throws(BusCodec.Failure) -> Query.Subject {
        switch try word("subject") {
        case "groups": return .groups
        case "members": return .members(try name("group"))
        case "stats": return .stats
        case "reach": return .reach(try target())
        case "pushes": return .pushes(try count("limit"))
        case "closes": return .closes(try count("limit"))
        case "alerts": return .alerts
        case "drain": return .drain
        case "serve": return .serve
        default: throw unfit("subject")
        }
    }

    /// The viewer stands in the header too, so that both forms of the message have it; it is one.
    private func terminalContent(_ body: ByteBuffer?) throws(BusCodec.Failure) -> BusTerminalReport.Content {
        let viewer = try string("viewer")
        guard TerminalOrder.isViewer(viewer) else { throw unfit("viewer") }
        guard body != nil else { return .notHere }
        let report = try frame(body, TerminalReport.init(parsing:))
        guard report.viewer == viewer else { throw unfit("viewer") }
        return .report(report.event)
    }

    /// A frame that stands behind the header.
    private func frame<Frame>(
        _ body: ByteBuffer?, _ read: (ByteBuffer) throws(FrameError) -> Frame
    ) throws(BusCodec.Failure) -> Frame {
        guard let body else { throw BusCodec.Failure("the frame behind the header is missing") }
        do throws(FrameError) { return try read(body) } catch { throw BusCodec.Failure(error.description) }
    }

    private func watch() throws(BusCodec.Failure) -> Watch {
        let types = document["types"].flatMap { document.elements($0) }?.map { document.string($0) } ?? []
        guard types.count <= Watch.maximumTypes, !types.contains(nil) else { throw unfit("types") }
        return Watch(
            id: try string("id"), origin: try name("origin"),
            client: document["client"] == nil ? nil : try name("client"), types: types.compactMap { $0 },
            lease: min(try count("lease"), Watch.maximumLease))
    }

    private func unfit(_ name: String) -> BusCodec.Failure {
        BusCodec.Failure("the member '\(name)' is missing or not valid")
    }

    private func string(_ name: String) throws(BusCodec.Failure) -> String {
        guard let slice = document[name], let text = document.string(slice) else { throw unfit(name) }
        return text
    }

    /// A string that is compared with words.
    private func word(_ name: String) throws(BusCodec.Failure) -> String {
        guard let slice = document[name], let text = document.word(slice) else { throw unfit(name) }
        return text
    }

    private func name<Name: Identifier>(_ member: String) throws(BusCodec.Failure) -> Name {
        guard let value = Name(rawValue: try string(member)) else { throw unfit(member) }
        return value
    }

    /// Anybody may publish: a number that no timer can hold must not reach one.
    private func timeout() throws(BusCodec.Failure) -> Double {
        let seconds = try number("timeout")
        guard (0...BusCommand.maximumTimeout).contains(seconds) else { throw unfit("timeout") }
        return seconds
    }

    private func number(_ name: String) throws(BusCodec.Failure) -> Double {
        guard let slice = document[name], let value = document.number(slice) else { throw unfit(name) }
        return value
    }

    /// What a node says that it counted.
    private func tally(_ name: String) throws(BusCodec.Failure) -> Int {
        let value = try count(name)
        guard value <= Receipt.maximumCount else { throw unfit(name) }
        return value
    }

    private func count(_ name: String) throws(BusCodec.Failure) -> Int {
        guard let slice = document[name], let value = document.integer(slice), value >= 0 else { throw unfit(name) }
        return value
    }
}
