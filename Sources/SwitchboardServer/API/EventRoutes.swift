import HTTPTypes
import Hummingbird
import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// What happens on all nodes, as it happens: server-sent events (HTML, section 9.2).
struct EventRoutes: Sendable {
    /// Seconds between two signs of life; proxies give up after 60.
    private static let signInterval = 15
    /// Bytes for a watcher that reads slowly, beside what its feed holds.
    private static let maximumUnsent = 256 * 1024

    let node: Node

    func add(to table: RouteTable<APIContext>) {
        table.get("/v1/events") { request, context in try watch(request, context) }
    }

    private func watch(_ request: Request, _ context: APIContext) throws -> Response {
        let (client, types) = try filter(request)
        guard node.bus.isAvailable else { throw Problem.busUnavailable("nothing can be watched now") }
        guard node.events.mayWatch else {
            throw Problem.overloaded("\(EventHub.maximumWatchers) watch here already, or the node stops")
                .counted(.watchers)
        }
        let answer = StreamedAnswer(
            type: "text/event-stream",
            limits: AnswerQueue.Limits(partsUnderWay: 1, bytesUnderWay: 1, unsentBytes: Self.maximumUnsent),
            sign: (ByteBuffer(string: ": \n\n"), Self.signInterval), endsWithCaller: true)
        let (node, standing) = (node, context.standing)
        return answer.response(on: context.channel) { queue in
            guard let feed = node.events.watch(client: client, types: types, standing: standing) else { return }
            defer { node.events.end(feed) }
            for await item in feed.items {
                let bytes = Self.text(item, of: feed)
                if bytes.readableBytes > 0 { try await queue.add(bytes) }
            }
            if let refusal = standing?.refusal {
                try await queue.add(CommandAnswer.event("error", node.refuse(refusal, .backend).document))
            }
        }
    }

    private func filter(_ request: Request) throws(Problem) -> (client: ClientID?, types: [String]) {
        guard let query = URLQuery(request.uri.query ?? "") else { throw .invalidRequest("the query is not valid") }
        var client: ClientID?
        var types: [String] = []
        for (name, value) in query.items {
            switch name {
            case "client":
                guard client == nil, let id = ClientID(rawValue: value) else { throw .invalidClientID }
                client = id
            case "type":
                for type in value.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
                    guard EventType.names.contains(type) else {
                        throw .invalidRequest("there are no events of the type '\(type.prefix(bytes: 64))'")
                    }
                    if !types.contains(type) { types.append(type) }
                }
            default: throw .invalidRequest("unknown parameter '\(name.prefix(bytes: 64))'")
            }
        }
        return (client, types)
    }

    private static func text(_ item: WatcherFeed.Item, of feed: WatcherFeed) -> ByteBuffer {
        switch item {
        case .began(let nodes):
            return CommandAnswer.event("watching", JSONObjectWriter.document { $0.integer("nodes", nodes) })
        case .batch(let batch):
            var text = ByteBuffer()
            text.reserveCapacity(batch.lines.readableBytes * 5 / 4)
            for line in batch.lines.readableBytesView.split(separator: UInt8(ascii: "\n")) {
                guard let space = line.firstIndex(of: UInt8(ascii: " ")) else { continue }
                text.writeStaticString("event: ")
                text.writeBytes(line[..<space])
                text.writeStaticString("\ndata: ")
                text.writeBytes(line[(space + 1)...])
                text.writeStaticString("\n\n")
            }
            let dropped = batch.dropped + feed.takeLost(of: batch.node)
            if dropped > 0 {
                let document = JSONObjectWriter.document { json in
                    json.string("node", batch.node.rawValue)
                    json.integer("count", dropped)
                }
                text.writeImmutableBuffer(CommandAnswer.event("dropped", document))
            }
            return text
        }
    }
}
