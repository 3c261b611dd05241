import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// The body of `POST /v1/rollouts`.
struct RolloutDocument {
    static let rates = 1...60_000
    static let standardRate = 600
    static let standardCanary = 0.05
    static let standardAbort = (share: 0.1, minimum: 10)
    /// Seconds.
    static let standardWait = 30.0
    static let waits = 1.0...600.0
    static let canaryWaits = 1.0...3600.0

    private(set) var id: RolloutID?
    let target: Target
    let work: RolloutWork
    private var canary = Canary.share(Self.standardCanary)
    private var rate = Self.standardRate
    private var abort = Self.standardAbort
    private var canaryWait: Double?
    /// Tells this request from others of the same id.
    let fingerprint: UInt64

    private enum Canary {
        case share(Double)
        case clients(Int)
    }

    init(_ body: ByteBuffer) throws(Problem) {
        let document: JSONDocument
        do throws(JSONError) { document = try JSONDocument(body) } catch { throw .malformedJSON(error) }
        target = try Self.target(document)
        work = try Self.work(document)
        var fingerprint = Fingerprint()
        fingerprint.add(body)
        self.fingerprint = fingerprint.value
        for (name, value) in document.members {
            switch name {
            case "to", "push", "command": break
            case "id":
                guard let id = document.string(value).flatMap(RolloutID.init(rawValue:)),
                    id.rawValue.utf8.count <= RolloutID.longest
                else {
                    throw .invalidRequest(
                        "'id' must have 1-\(RolloutID.longest) characters of A-Z a-z 0-9 . _ : @ -")
                }
                self.id = id
            case "canary": canary = try Self.canary(value, document)
            case "rate": rate = try Self.integer(name, value, document, Self.rates)
            case "abort": abort = try Self.abort(value, document)
            case "canaryWait": canaryWait = try Self.number(name, value, document, Self.canaryWaits)
            default: throw .invalidRequest("unknown member '\(name.prefix(bytes: 64))'")
            }
        }
    }

    /// - Parameter clients: How many there are.
    func terms(clients: Int) -> RolloutTerms {
        let first =
            switch canary {
            case .share(let share): max(1, Int((share * Double(clients)).rounded()))
            case .clients(let count): count
            }
        // Clients that do not answer are decided just before the canary's time is up.
        return RolloutTerms(
            total: clients, canary: first, rate: rate, share: abort.share, minimum: abort.minimum,
            canaryWait: canaryWait ?? max(Self.standardWait, work.patience + 5))
    }

    // MARK: Members

    private static func target(_ document: JSONDocument) throws(Problem) -> Target {
        guard let to = document["to"].flatMap({ document.object($0) }) else {
            throw .invalidTarget("'to' must be an object")
        }
        do throws(TargetError) { return try Target(parsing: to) } catch {
            if case .invalidClient = error { throw .invalidClientID }
            if case .invalidGroup = error { throw .invalidGroup }
            throw .invalidTarget(error.description)
        }
    }

    private static func work(_ document: JSONDocument) throws(Problem) -> RolloutWork {
        switch (document["push"], document["command"]) {
        case (let slice?, nil):
            guard let push = document.object(slice) else { throw .invalidRequest("'push' must be an object") }
            return .push(try self.push(push))
        case (nil, let slice?):
            guard let command = document.object(slice) else { throw .invalidRequest("'command' must be an object") }
            return .command(try self.command(command))
        default: throw .invalidRequest("exactly one of 'push' and 'command' must be given")
        }
    }

    private static func push(_ document: JSONDocument) throws(Problem) -> RolloutWork.Push {
        var options = PushOptionsReader()
        var wait: Double?
        for (name, value) in document.members {
            switch name {
            case "data", "text", "base64": break
            case "durable":
                guard let isDurable = document.boolean(value) else {
                    throw .invalidRequest("'durable' must be true or false")
                }
                options.isDurable = isDurable
            case "ttl": options.timeToLive = .some(document.number(value))
            case "collapse":
                guard let key = document.string(value) else { throw .invalidRequest("'collapse' must be a string") }
                options.collapse = key
            case "wait": wait = try number(name, value, document, waits)
            default: throw .invalidRequest("unknown member 'push.\(name.prefix(bytes: 64))'")
            }
        }
        let payload: Payload
        do throws(PayloadError) { payload = try Payload(parsing: document) } catch {
            throw .invalidPayload(error.description)
        }
        let keeping = try options.checkedForEach().keeping
        guard keeping != nil || wait == nil else { throw .invalidRequest("'wait' is for durable pushes") }
        var push = RolloutWork.Push(payload: payload, wait: wait ?? standardWait)
        push.isDurable = keeping != nil
        push.timeToLive = keeping?.timeToLive
        push.collapse = keeping?.collapse
        return push
    }

    private static func command(_ document: JSONDocument) throws(Problem) -> RolloutWork.Command {
        for (name, _) in document.members where ["id", "signature", "connectTimeout"].contains(name) {
            throw .invalidRequest("'\(name)' is not for the command of a roll-out")
        }
        let order = try CommandDocument.read(document.buffer)
        return RolloutWork.Command(name: order.name, payload: order.payload, timeout: order.timeout)
    }

    private static func canary(_ value: JSONSlice, _ document: JSONDocument) throws(Problem) -> Canary {
        if let object = document.object(value), let (name, value) = object.members.first, object.members.count == 1 {
            if name == "share" { return .share(try number("canary.share", value, object, 0...1)) }
            if name == "clients" {
                return .clients(try integer("canary.clients", value, object, 0...RolloutTerms.maximumClients))
            }
        }
        throw .invalidRequest("'canary' must have exactly one of share and clients")
    }

    private static func abort(
        _ value: JSONSlice, _ document: JSONDocument
    ) throws(Problem) -> (share: Double, minimum: Int) {
        guard let object = document.object(value) else { throw .invalidRequest("'abort' must be an object") }
        var abort = standardAbort
        for (name, value) in object.members {
            switch name {
            case "share": abort.share = try number("abort.share", value, object, 0...1)
            case "minimum":
                abort.minimum = try integer("abort.minimum", value, object, 1...RolloutTerms.maximumClients)
            default: throw .invalidRequest("unknown member 'abort.\(name.prefix(bytes: 64))'")
            }
        }
        return abort
    }

    private static func number(
        _ name: String, _ value: JSONSlice, _ document: JSONDocument, _ range: ClosedRange<Double>
    ) throws(Problem) -> Double {
        guard let number = document.number(value), range.contains(number) else {
            throw .invalidRequest("'\(name)' must be a number of \(range.lowerBound)-\(range.upperBound)")
        }
        return number
    }

    private static func integer(
        _ name: String, _ value: JSONSlice, _ document: JSONDocument, _ range: ClosedRange<Int>
    ) throws(Problem) -> Int {
        // 3.0 is an integer as well (JSON Schema 2020-12, section 6.1.1).
        guard let number = document.number(value).flatMap({ Int(exactly: $0) }), range.contains(number) else {
            throw .invalidRequest("'\(name)' must be an integer of \(range.lowerBound)-\(range.upperBound)")
        }
        return number
    }
}

extension PushOptionsReader {
    /// For pushes to single clients.
    fileprivate func checkedForEach() throws(Problem) -> PushOrder.Options {
        try checked(for: .client(ClientID(unchecked: "each")))
    }
}
