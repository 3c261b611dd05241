import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// How the outcome of a command is told.
enum CommandAnswer {
    /// - Returns: nil for a result.
    static func problem(_ outcome: CommandOutcome, _ client: ClientID) -> Problem? {
        switch outcome {
        case .result: nil
        case .offline: .clientOffline(client)
        case .noResult: .noResult(client)
        case .unsupported: .commandsUnsupported(client)
        case .queueFull: .commandQueueFull(client)
        case .conflict: .idempotencyConflict
        case .cancelled: .callerGone
        case .failed(let error): Problem(error)
        }
    }

    /// The answer of one client to the caller that waits for it.
    static func body(_ id: CommandID, _ outcome: CommandOutcome) -> ByteBuffer {
        JSONObjectWriter.document { json in
            json.string("id", id.rawValue)
            json.outcome(outcome)
        }
    }

    /// A member's line in the answer to a command to its group.
    static func line(_ id: CommandID, _ client: ClientID, _ outcome: CommandOutcome) -> ByteBuffer {
        var line = JSONObjectWriter.document { json in
            json.string("client", client.rawValue)
            json.string("id", id.rawValue)
            json.outcome(outcome)
            if let problem = problem(outcome, client) { json.string("code", problem.code) }
        }.jsonOnOneLine
        line.writeStaticString("\n")
        return line
    }

    /// - Parameter isLost: Nobody waits for its result any more.
    static func state(_ record: CommandRecord, isLost: Bool) -> ByteBuffer {
        let outcome = record.outcome ?? (isLost ? .noResult : nil)
        return JSONObjectWriter.document { json in
            json.string("id", record.id.rawValue)
            json.string("client", record.client.rawValue)
            json.string("name", record.name)
            json.string("state", outcome == record.outcome ? record.state : "failed")
            if let outcome {
                json.outcome(outcome)
                if let problem = problem(outcome, record.client) { json.string("code", problem.code) }
            }
        }
    }

    /// An event of a stream of server-sent events (HTML, section 9.2.6).
    static func event(_ name: StaticString, _ data: ByteBuffer) -> ByteBuffer {
        var event = ByteBuffer()
        event.writeStaticString("event: ")
        event.writeStaticString(name)
        event.writeStaticString("\ndata: ")
        event.writeImmutableBuffer(data.jsonOnOneLine)
        event.writeStaticString("\n\n")
        return event
    }
}

extension JSONObjectWriter {
    /// Nothing unless it is a result.
    fileprivate mutating func outcome(_ outcome: CommandOutcome) {
        guard case .result(let status, let payload, let milliseconds) = outcome else { return }
        integer("status", status)
        if let payload { self.payload(payload) }
        integer("ms", milliseconds)
    }
}
