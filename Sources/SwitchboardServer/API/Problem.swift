import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// A problem document (RFC 9457) with its stable code.
struct Problem: Error, Hashable {
    let status: Int
    let code: String
    let title: String
    var detail: String
    /// Seconds, for `Retry-After`.
    var retryAfter: Int?
    /// For `Allow`.
    var allow: String?
    /// What it is counted as, when a limit is the reason.
    var limit: Limit?
    /// Why somebody is not let in, as a further member.
    private(set) var reason: Refusal.Reason?
    /// For `WWW-Authenticate`.
    private(set) var challenge: String?
    /// Numbers that belong to it, as further members of the document.
    var figures: [Figure] = []

    struct Figure: Hashable {
        let name: String
        let value: Int
    }

    private init(
        _ status: Int, _ code: String, _ title: String, _ detail: String, retryAfter: Int? = nil, allow: String? = nil
    ) {
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.retryAfter = retryAfter
        self.allow = allow
    }

    /// The document's JSON text.
    var document: ByteBuffer {
        return JSONObjectWriter.document { json in
            json.string("type", "urn:switchboard:problem:" + code)
            json.string("title", title)
            json.integer("status", status)
            json.string("detail", detail)
            json.string("code", code)
            if let reason { json.string("reason", reason.rawValue) }
            for figure in figures { json.integer(named: figure.name, figure.value) }
        }
    }

    static let contentType = "application/problem+json"

    /// The header fields that belong to it, besides its type.
    var headers: [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        if let retryAfter { headers.append(("Retry-After", "\(retryAfter)")) }
        if let allow { headers.append(("Allow", allow)) }
        if let challenge { headers.append(("WWW-Authenticate", challenge)) }
        if status == 426 {
            // RFC 9110 section 15.5.22, RFC 6455 section 4.2.2.
            headers += [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
        }
        return headers
    }

    static func malformedJSON(_ detail: String) -> Problem {
        Problem(400, "malformed_json", "The body is not the JSON that was expected", detail)
    }
    static func malformedJSON(_ error: JSONError) -> Problem {
        malformedJSON(error.description).counted(error.isTooDeep ? .nesting : nil)
    }
    static func invalidRequest(_ detail: String) -> Problem {
        Problem(400, "invalid_request", "The request is not valid", detail)
    }
    static func invalidTarget(_ detail: String) -> Problem {
        Problem(400, "invalid_target", "The target is not valid", detail)
    }
    static func invalidPayload(_ detail: String) -> Problem {
        Problem(400, "invalid_payload", "The payload is not valid", detail)
    }
    static let invalidClientID = Problem(
        400, "invalid_client_id", "The client id is not valid",
        "a client id has 1-128 characters of A-Z a-z 0-9 . _ : @ -")
    static let invalidPushID = invalidRequest("a push id has 1-128 characters of A-Z a-z 0-9 . _ : @ -")
    static let invalidCommandID = invalidRequest("a command id has 1-128 characters of A-Z a-z 0-9 . _ : @ -")
    static let invalidGroup = Problem(
        400, "invalid_group", "The group name is not valid",
        "a group name has 1-128 characters of A-Z a-z 0-9 . _ : @ -")
    static let unknownSubprotocol = Problem(
        400, "unknown_subprotocol", "None of the offered subprotocols is known",
        "offer \(ConnectionMode.framedSubprotocol), or none for raw mode")
    static let unknownOperatorSubprotocol = Problem(
        400, "unknown_subprotocol", "None of the offered subprotocols is known",
        "offer \(ConnectionMode.operatorSubprotocol)")
    static let invalidUpgrade = Problem(
        400, "invalid_request", "The request is not valid", "not a WebSocket handshake (RFC 6455 section 4.2.1)")
    static func clientNotFound(_ client: ClientID) -> Problem {
        Problem(404, "client_not_found", "Nothing is known of the client", "\(client) has not connected")
    }
    static func clientOffline(_ client: ClientID) -> Problem {
        Problem(404, "client_offline", "The client is not connected", "\(client) is not connected")
    }
    static let pushNotFound = Problem(
        404, "push_not_found", "Nothing is known of the push", "it was neither durable nor waited for, or is long past")
    static func notInMailbox(_ client: ClientID) -> Problem {
        var problem = pushNotFound
        problem.detail = "no push of this id waits for \(client)"
        return problem
    }
    static func nodeNotFound(_ node: NodeID) -> Problem {
        Problem(404, "node_not_found", "There is no such node", "no living node is called \(node)")
    }
    static let commandNotFound = Problem(
        404, "command_not_found", "Nothing is known of the command", "there was none of this id lately")
    static let notFound = Problem(404, "not_found", "There is no such route", "see /openapi.yaml")
    /// A library of the console is not on this machine.
    static func libraryMissing(_ name: String, package: String, folder: String) -> Problem {
        var problem = notFound
        problem.detail = "\(name) is not in \(folder): install the package \(package), or set consoleLibraries"
        return problem
    }
    static func methodNotAllowed(allow: String) -> Problem {
        Problem(
            405, "method_not_allowed", "The method is not allowed here", "allowed: \(allow)", allow: allow)
    }
    static func duplicateClient(on node: NodeID) -> Problem {
        Problem(409, "duplicate_client", "The client is connected already", "it is connected to the node \(node)")
    }
    static let pushInProgress = Problem(
        409, "push_in_progress", "The first request of this id is still under way", "ask again", retryAfter: 1)
    static let idempotencyConflict = Problem(
        409, "idempotency_conflict", "The id was used for another request",
        "within 5 minutes the same id or Idempotency-Key must come with the same request")
    static func nodeStopping(_ node: NodeID) -> Problem {
        Problem(409, "node_stopping", "The process is stopping", "\(node) cannot take clients again")
    }
    static func commandsUnsupported(_ client: ClientID) -> Problem {
        Problem(
            409, "commands_unsupported", "The client cannot take commands",
            "\(client) is connected in raw mode; commands need \(ConnectionMode.framedSubprotocol)")
    }
    static func tooManyGroups(_ limit: Int) -> Problem {
        Problem(409, "too_many_groups", "The session is in too many groups", "a session may be in \(limit) groups")
            .counted(.groups)
    }
    static func requestTimeout(_ part: String) -> Problem {
        Problem(408, "request_timeout", "The request did not come in time", "\(part) was not whole in time")
            .counted(.requestTime)
    }
    static func bodyTooLarge(_ limit: Int) -> Problem {
        Problem(413, "body_too_large", "The body is too large", "a body may have \(limit) bytes").counted(.body)
    }
    static func lineTooLong(_ limit: Int) -> Problem {
        Problem(
            413, "body_too_large", "The body is too large", "a line may have \(limit) bytes; nothing behind it was read"
        ).counted(.line)
    }
    static func tooManyLines(_ limit: Int) -> Problem {
        Problem(
            413, "body_too_large", "The body is too large", "a request may have \(limit) lines; nothing behind was read"
        ).counted(.lines)
    }
    static let upgradeRequired = Problem(
        426, "upgrade_required", "This is a WebSocket endpoint",
        "connect with a WebSocket handshake (RFC 6455) of version 13")
    /// - Parameter retryAfter: Seconds; the limit is reached for as long as others stay connected.
    static func tooManyConnections(retryAfter: Int) -> Problem {
        Problem(
            429, "too_many_connections", "Too many connections from one address",
            "as many connections as one address may have are open already", retryAfter: retryAfter
        ).counted(.connectionsPerAddress)
    }
    static let headTooLarge = Problem(
        431, "head_too_large", "The request's head is too large",
        "its target and each header may have \(RequestHead.maximumHeaderBytes) bytes, all together twice that"
    ).counted(.head)
    static func rateLimited(retryAfter: Int) -> Problem {
        Problem(429, "rate_limited", "Too many requests", "the publish rate is exceeded", retryAfter: retryAfter)
    }
    static func mailboxFull(_ size: MailboxSize, limits: MailboxLimits) -> Problem {
        var problem = Problem(
            429, "mailbox_full", "The client's mailbox is full",
            "\(size.pushes) pushes of \(size.bytes) bytes wait for the client")
        problem.figures = [
            Figure(name: "count", value: size.pushes), Figure(name: "bytes", value: size.bytes),
            Figure(name: "limit", value: limits.pushes), Figure(name: "limitBytes", value: limits.bytes),
        ]
        return problem
    }
    static func commandQueueFull(_ client: ClientID) -> Problem {
        Problem(
            429, "command_queue_full", "Too many commands wait on the client",
            "\(client) has its limit of waiting commands",
            retryAfter: 1)
    }
    /// The backend that decides about clients has refused one.
    static func connectionRefused(_ status: Int, _ reason: String?, retryAfter: Double?) -> Problem {
        Problem(
            status, "connection_refused", "The client may not connect", reason ?? "the backend refused the client",
            retryAfter: retryAfter.map { Int(min(max(1, $0.rounded(.up)), 86_400)) } ?? (status == 429 ? 1 : nil))
    }
    static let rolloutNotFound = Problem(
        404, "rollout_not_found", "Nothing is known of the roll-out", "there is none of this id, or it ended long ago")
    static let noClients = Problem(
        409, "no_clients", "Nobody is meant by the target", "no client that the target means is connected")
    static let rolloutEnded = Problem(
        409, "rollout_ended", "The roll-out has ended", "it is done or aborted, and stays so")
    static func rolloutTooLarge(_ limit: Int) -> Problem {
        Problem(
            409, "rollout_too_large", "The roll-out has too many clients",
            "the target means more than \(limit) clients")
    }
    static func tooManyRollouts(_ limit: Int) -> Problem {
        Problem(
            429, "too_many_rollouts", "Too many roll-outs are not finished",
            "\(limit) are under way or paused; wait for one, or abort it", retryAfter: 60)
    }
    static let webhooksOff = Problem(
        409, "webhooks_off", "There are no webhooks", "no URL is configured to which events could go")
    static let eventNotFound = Problem(
        404, "event_not_found", "There is no such event", "no event of this id was given up, or it was replayed")
    static let callerGone = Problem(
        499, "caller_gone", "The caller has gone",
        "the connection was closed before the client had answered, and the command was cancelled")
    static let internalError = Problem(500, "internal_error", "The node failed", "the failure is in the node's log")
    static func notImplemented(_ what: String) -> Problem {
        Problem(501, "not_implemented", "Not in this version", "\(what) comes in a later version")
    }
    static func busUnavailable(_ detail: String) -> Problem {
        Problem(503, "bus_unavailable", "The bus is unavailable", detail, retryAfter: 1)
    }
    static func overloaded(_ detail: String, retryAfter: Int = 1) -> Problem {
        Problem(503, "overloaded", "The node is overloaded", detail, retryAfter: retryAfter)
    }
    static func notReady(_ detail: String) -> Problem {
        Problem(503, "not_ready", "The node is not ready", detail, retryAfter: 1)
    }

    static func nodeSilent(_ node: NodeID) -> Problem {
        Problem(504, "node_silent", "The node does not answer", "\(node) did not answer in time; ask again")
    }
    static func noResult(_ client: ClientID) -> Problem {
        Problem(
            504, "no_result", "The client did not answer",
            "no result came from \(client) in time; the command may have run")
    }

    /// The same, counted as a limit.
    func counted(_ limit: Limit?) -> Problem {
        var problem = self
        problem.limit = limit
        return problem
    }

    /// Somebody is not let in.
    init(_ refusal: Refusal) {
        let status = refusal.status
        switch status {
        case 401: self.init(status, "unauthorized", "It is not known who asks", refusal.detail)
        case 503:
            self.init(
                status, "signers_unavailable", "Tokens cannot be checked now", refusal.detail,
                retryAfter: refusal.retryAfter ?? 1)
        default: self.init(status, "forbidden", "This is not allowed to who asks", refusal.detail)
        }
        reason = refusal.reason
        challenge = refusal.challenge
    }

    /// For a client that is connected already, though not registered.
    var closeCode: CloseCode {
        switch status {
        case 401: .unauthenticated
        case 429, 500...599: .overloaded
        default: .forbidden
        }
    }

    /// What the bus or store could not do.
    init(_ error: BusError) {
        switch error {
        case .overloaded: self = .overloaded(error.description).counted(.underWay)
        case .unavailable: self = .busUnavailable(error.description)
        }
    }
}
