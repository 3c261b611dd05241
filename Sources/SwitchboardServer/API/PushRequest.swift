import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// The routes that push. They exist twice, below the HTTP framework and in it, with this one meaning.
enum PushRoute: Hashable, Sendable {
    /// `POST /v1/push`
    case push
    /// `POST /v1/clients/{id}/push`
    case client(String)
    /// `POST /v1/groups/{name}/push`
    case group(String)
    /// `POST /v1/broadcast`
    case broadcast
}

/// A push as it came over HTTP, whichever way; ``accepted()`` says what is wrong with it.
struct PushRequest: Sendable {
    let route: PushRoute
    /// Behind the `?`.
    var query = ""
    var contentType: String?
    var prefer: String?
    var hasIdempotencyKey = false
    var hasAuthorization = false
    let body: ByteBuffer

    /// What to push, and whether an offline client is an error.
    struct Accepted: Sendable {
        let target: Target
        let payload: Payload
        let failsOffline: Bool
    }

    /// - Throws: the ``Problem`` that is its answer.
    func accepted() throws(Problem) -> Accepted {
        guard !hasAuthorization else { throw .notImplemented("authentication") }
        guard !hasIdempotencyKey else { throw .notImplemented("Idempotency-Key") }
        if let prefer, prefer.split(separator: ",").contains(where: { Self.isWait($0) }) {
            throw .notImplemented("Prefer: wait")
        }
        switch route {
        case .push:
            guard query.isEmpty else { throw .invalidRequest("options go into the body") }
            return try PushDocument.read(body)
        case .client(let id):
            guard let client = ClientID(rawValue: id) else { throw .invalidClientID }
            return try verbatim(to: .client(client))
        case .group(let name):
            guard let group = GroupName(rawValue: name) else { throw .invalidGroup }
            return try verbatim(to: .group(group))
        case .broadcast: return try verbatim(to: .all)
        }
    }

    private static func isWait(_ preference: Substring) -> Bool {
        preference.drop { $0 == " " }.lowercased().hasPrefix("wait")
    }

    /// The body is the payload: text for `text/*` and `application/json`, else binary.
    private func verbatim(to target: Target) throws(Problem) -> Accepted {
        let failsOffline = try self.failsOffline(target)
        switch format {
        case .json:
            do throws(JSONError) { try JSONDocument.validate(body) } catch { throw .malformedJSON(error.description) }
            return Accepted(target: target, payload: Payload(format: .json, bytes: body), failsOffline: failsOffline)
        case .text:
            guard UTF8Text.isValid(body) else { throw .invalidPayload("the text is not valid UTF-8") }
            return Accepted(target: target, payload: Payload(format: .text, bytes: body), failsOffline: failsOffline)
        case .binary:
            return Accepted(target: target, payload: Payload(format: .binary, bytes: body), failsOffline: failsOffline)
        }
    }

    private var format: Payload.Format {
        guard let contentType else { return .binary }
        let type = contentType.prefix { $0 != ";" && $0 != " " }
        // Compared without lowercasing first: these two spellings are nearly all there is.
        if type == "text/plain" { return .text }
        if type == "application/json" { return .json }
        let lowered = type.lowercased()
        if lowered == "application/json" { return .json }
        return lowered.hasPrefix("text/") ? .text : .binary
    }

    private func failsOffline(_ target: Target) throws(Problem) -> Bool {
        guard !query.isEmpty else { return false }
        guard let query = URLQuery(query) else { throw .invalidRequest("the query is not valid") }
        if let name = query.repeatedName { throw .invalidRequest("'\(name.prefix(64))' is given twice") }
        var failsOffline = false
        for (name, value) in query.items {
            switch name {
            case "offline": failsOffline = try PushOptions.failsOffline(value, for: target)
            case "durable":
                guard value == "false" else {
                    throw value == "true" ? .notImplemented("durable") : .invalidRequest("durable is true or false")
                }
            case "ttl", "collapse", "id": throw .notImplemented(name)
            default: throw .invalidRequest("unknown option '\(name.prefix(64))'")
            }
        }
        return failsOffline
    }
}

/// The options of a push, wherever they stand.
enum PushOptions {
    static func failsOffline(_ value: String, for target: Target) throws(Problem) -> Bool {
        switch value {
        case "drop": return false
        case "queue": throw .notImplemented("offline: queue")
        case "fail":
            guard case .client = target else { throw .invalidRequest("'offline': 'fail' is for one client") }
            return true
        default: throw .invalidRequest("'offline' must be drop, queue or fail")
        }
    }
}

/// The body of `POST /v1/push`.
enum PushDocument {
    static func read(_ body: ByteBuffer) throws(Problem) -> PushRequest.Accepted {
        let document: JSONDocument
        do throws(JSONError) { document = try JSONDocument(body) } catch { throw .malformedJSON(error.description) }
        guard let slice = document["to"], let to = document.object(slice) else {
            throw .invalidTarget("'to' must be an object")
        }
        let target: Target
        do throws(TargetError) {
            target = try Target(parsing: to)
        } catch {
            if case .invalidClient = error { throw .invalidClientID }
            if case .invalidGroup = error { throw .invalidGroup }
            throw .invalidTarget(error.description)
        }
        var failsOffline = false
        for (name, value) in document.members {
            switch name {
            case "to", "data", "text", "base64": break
            case "offline":
                failsOffline = try PushOptions.failsOffline(document.string(value) ?? "", for: target)
            case "durable":
                guard let durable = document.boolean(value) else {
                    throw .invalidRequest("'durable' must be true or false")
                }
                if durable { throw .notImplemented("durable") }
            case "ttl":
                guard let ttl = document.number(value), ttl > 0 else { throw .invalidRequest("'ttl' must be positive") }
                throw .notImplemented("ttl")
            case "collapse", "id":
                guard document.string(value) != nil else { throw .invalidRequest("'\(name)' must be a string") }
                throw .notImplemented(name)
            default: throw .invalidRequest("unknown member '\(name.prefix(64))'")
            }
        }
        do throws(PayloadError) {
            return PushRequest.Accepted(
                target: target, payload: try Payload(parsing: document), failsOffline: failsOffline)
        } catch {
            throw .invalidPayload(error.description)
        }
    }
}
