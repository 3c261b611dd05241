import NIOCore
import SwitchboardProtocol

/// The body of `POST /v1/push`, and its answer in one line.
struct PushRequest {
    var target: Target
    var payload: Payload
    /// `drop`, `queue` or `fail`.
    var offline: String?
    var isDurable = false
    /// Seconds.
    var timeToLive: Int?
    var collapse: String?
    var id: String?
    /// Seconds.
    var wait: Int?

    func send(_ options: APIOptions) async throws {
        let answer = try await options.client.post("/v1/push", json: body, prefer: wait.map { "wait=\($0)" })
        try options.json ? Output.document(answer) : Output.line(Self.line(answer))
    }

    var body: ByteBuffer {
        var buffer = ByteBuffer()
        var json = JSONObjectWriter(taking: &buffer)
        json.object("to") { to in
            switch target {
            case .client(let client): to.string("client", client.rawValue)
            case .clients(let clients): to.strings("clients", clients.map(\.rawValue))
            case .group(let group): to.string("group", group.rawValue)
            case .labels(let labels): to.strings("labels", labels)
            case .all: to.literal("all", "true")
            }
        }
        switch payload.format {
        case .json: json.verbatim("data", payload.bytes)
        case .text: json.string("text", String(buffer: payload.bytes))
        case .binary: json.string("base64", Base64.encode(payload.bytes))
        }
        if let offline { json.string("offline", offline) }
        if isDurable { json.boolean("durable", true) }
        if let timeToLive { json.integer("ttl", timeToLive) }
        if let collapse { json.string("collapse", collapse) }
        if let id { json.string("id", id) }
        return json.finish()
    }

    private static func line(_ answer: ByteBuffer) throws(Failure) -> String {
        guard let document = try? JSONDocument(answer), let id = document["id"].flatMap(document.string) else {
            throw Failure("the server's answer is not understood")
        }
        let counts = ["matched", "delivered", "acked", "queued", "offline", "dropped", "nodes"].compactMap { name in
            document[name].flatMap(document.integer).map { "\(name) \($0)" }
        }
        return "\(id)  \(counts.joined(separator: "  "))"
    }
}
