import ArgumentParser
import NIOCore
import NIOHTTP1
import SwitchboardAgent
import SwitchboardProtocol

struct Tail: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what happens, as it happens: connects, pushes, acks, commands and closes with their reasons.",
        discussion: """
            Of one client or of all, on all nodes. With --json each event is one line of JSON. It goes on by itself when the \
            node that it asks goes away; Ctrl-C ends it.
            """)

    @Argument(help: "Only what happens to this client.")
    var client: ClientID?

    @Option(
        help: ArgumentHelp(
            "Only these events, such as session, push.acked or session.closed; repeatable. Default: all.",
            valueName: "type"))
    var type: [String] = []

    @OptionGroup var api: APIOptions

    /// Seconds before it asks again after an answer has ended.
    private static let pause = 1

    func run() async throws {
        try await Output.reporting {
            var query = type.map { ("type", $0) }
            if let client { query.append(("client", client.rawValue)) }
            var hasBegun = false
            var trouble: String?
            while true {
                do {
                    try await api.client.watch("/v1/events", query: query) { event in
                        hasBegun = true
                        trouble = nil
                        try show(event)
                    }
                } catch let failure as Failure {
                    // A wrong address, type or key does not get better by waiting.
                    guard hasBegun, ![401, 403].contains(failure.status) else { throw failure }
                    // Said once, however often it is tried.
                    if trouble != failure.description { Output.note("switchboard: \(failure)") }
                    trouble = failure.description
                }
                guard hasBegun else { throw Failure("the server ended the answer before it began") }
                try await Task.sleep(for: .seconds(Self.pause))
            }
        }
    }

    private func show(_ event: EventStreamParser.Event) throws {
        guard let document = try? JSONDocument(ByteBuffer(string: event.data)) else {
            throw Failure("the server's answer is not understood")
        }
        switch event.name {
        case "watching": Output.note("watching \(document["nodes"].flatMap(document.integer) ?? 0) nodes")
        case "dropped":
            Output.note("\(document["count"].flatMap(document.integer) ?? 0) events were too many and are missing here")
        case "error":
            let code = document["status"].flatMap(document.integer) ?? 500
            throw Failure(HTTPResponseStatus(statusCode: code), document.buffer)
        default:
            if api.json { return try Output.document(document.buffer) }
            try Output.line(EventText.line(event.name, document))
        }
    }
}

/// An event for a person.
enum EventText {
    static func line(_ type: String, _ document: JSONDocument) -> String {
        var words: [String] = []
        var time = ""
        for (name, value) in document.members where name != "type" {
            let text = (document.string(value) ?? String(buffer: document.bytes(of: value))).withoutControls
            switch name {
            // The day is known.
            case "at": time = String(text.dropFirst(11).prefix(12))
            case "node": words.insert("[\(text)]", at: 0)
            case "client": words.insert(text, at: min(1, words.count))
            default: words.append("\(name)=\(text.contains(" ") ? "\"\(text)\"" : text)")
            }
        }
        return ([time, type] + words).joined(separator: " ")
    }
}
