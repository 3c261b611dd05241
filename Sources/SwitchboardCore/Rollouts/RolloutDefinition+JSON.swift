public import NIOCore
import SwitchboardProtocol

/// As it is kept in the store.
extension RolloutDefinition {
    public var bytes: ByteBuffer {
        JSONObjectWriter.document { json in
            json.string("id", id.rawValue)
            json.object("to") { $0.target(target) }
            json.object("work") { $0.work(work) }
            json.integer("total", terms.total)
            json.integer("canary", terms.canary)
            json.integer("rate", terms.rate)
            json.number("share", terms.share)
            json.integer("minimum", terms.minimum)
            json.number("canaryWait", terms.canaryWait)
            json.integer("createdAt", Int(clamping: createdAt))
            json.string("author", author)
            json.string("fingerprint", String(fingerprint, radix: 36))
        }
    }

    /// - Returns: nil when the bytes are no definition.
    public init?(_ bytes: ByteBuffer) {
        guard let json = try? JSONDocument(bytes),
            let id = json["id"].flatMap({ json.string($0) }).flatMap(RolloutID.init(rawValue:)),
            let to = json["to"].flatMap({ json.object($0) }), let target = try? Target(parsing: to),
            let work = json["work"].flatMap({ json.object($0) }).flatMap({ RolloutWork($0) }),
            let total = json["total"].flatMap({ json.integer($0) }), total >= 0,
            let canary = json["canary"].flatMap({ json.integer($0) }), canary >= 0,
            let rate = json["rate"].flatMap({ json.integer($0) }),
            let share = json["share"].flatMap({ json.number($0) }),
            let minimum = json["minimum"].flatMap({ json.integer($0) }),
            let canaryWait = json["canaryWait"].flatMap({ json.number($0) }),
            let createdAt = json["createdAt"].flatMap({ json.integer($0) }).flatMap(UInt64.init(exactly:)),
            let author = json["author"].flatMap({ json.string($0) }),
            let fingerprint = json["fingerprint"].flatMap({ json.string($0) }).flatMap({ UInt64($0, radix: 36) })
        else { return nil }
        self.init(
            id: id, target: target, work: work,
            terms: RolloutTerms(
                total: total, canary: canary, rate: rate, share: share, minimum: minimum, canaryWait: canaryWait),
            createdAt: createdAt, author: author, fingerprint: fingerprint)
    }
}

extension RolloutWork {
    fileprivate init?(_ json: JSONDocument) {
        guard let bytes = json["base64"].flatMap({ json.string($0) }).flatMap({ Base64.decode($0) }),
            let format = json["format"].flatMap({ json.string($0) }).flatMap(Payload.Format.init(rawValue:)),
            let patience = json["patience"].flatMap({ json.number($0) })
        else { return nil }
        let payload = Payload(format: format, bytes: bytes)
        if let name = json["command"].flatMap({ json.string($0) }) {
            self = .command(Command(name: name, payload: payload, timeout: patience))
        } else {
            var push = Push(payload: payload, wait: patience)
            push.isDurable = json["durable"].flatMap { json.boolean($0) } ?? false
            push.timeToLive = json["ttl"].flatMap { json.integer($0) }
            push.collapse = json["collapse"].flatMap { json.string($0) }
            self = .push(push)
        }
    }
}

extension JSONObjectWriter {
    /// Payloads go as they are, in base 64: what a backend sent need not be on one line, nor be text.
    fileprivate mutating func work(_ work: RolloutWork) {
        switch work {
        case .command(let command):
            string("command", command.name)
            kept(command.payload)
            number("patience", command.timeout)
        case .push(let push):
            kept(push.payload)
            number("patience", push.wait)
            boolean("durable", push.isDurable)
            if let timeToLive = push.timeToLive { integer("ttl", timeToLive) }
            if let collapse = push.collapse { string("collapse", collapse) }
        }
    }

    private mutating func kept(_ payload: Payload) {
        string("format", payload.format.rawValue)
        string("base64", Base64.encode(payload.bytes))
    }
}
