import Hummingbird
import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// What waits for a client, and cancelling it.
struct MailboxRoutes: Sendable {
    /// Bytes of payload that are read for one page; the page ends early when there is more.
    private static let pageBytes = 1 << 20

    let node: Node

    func add(to table: RouteTable<APIContext>) {
        table.get("/v1/clients/:id/mailbox") { request, context in try await list(try client(context), request) }
        table.delete("/v1/clients/:id/mailbox") { _, context in try await empty(try client(context)) }
        table.delete("/v1/clients/:id/mailbox/:push") { _, context in
            guard let push = PushID(rawValue: try parameter("push", context)) else { throw Problem.invalidPushID }
            return try await cancel(push, for: try client(context))
        }
    }

    private func list(_ client: ClientID, _ request: Request) async throws -> Response {
        let (limit, cursor) = try streamPage(of: request)
        let page = try await stored {
            try await node.store.mail(of: client, after: cursor, limit: limit, bytes: Self.pageBytes)
        }
        for push in page.expired { node.expired(push) }
        // Of a whole mailbox nothing is asked twice: a push that expires between two questions would be in one answer only.
        let size =
            cursor == nil && !page.hasMore
            ? MailboxSize(page.pushes) : try await stored { try await node.store.mailboxSize(of: client) }
        return .json { json in
            json.string("client", client.rawValue)
            json.integer("count", size.pushes)
            json.integer("bytes", size.bytes)
            json.list("pushes", page.pushes) { $0.waiting($1) }
            if page.hasMore, let last = page.pushes.last?.durable?.place { json.string("next", last.text) }
        }
    }

    private func cancel(_ push: PushID, for client: ClientID) async throws -> Response {
        guard try await stored({ try await node.store.cancel(push, for: client) }) else {
            throw Problem.notInMailbox(client)
        }
        node.journal.note(.cancelled, about: push, client: client)
        return .noContent
    }

    private func empty(_ client: ClientID) async throws -> Response {
        let pushes = try await stored { try await node.store.emptyMailbox(of: client) }
        for push in pushes { node.journal.note(.cancelled, about: push, client: client) }
        return .json { $0.integer("deleted", pushes.count) }
    }
}

extension MailboxSize {
    fileprivate init(_ pushes: [BusPush]) {
        self.init(pushes: pushes.count, bytes: pushes.reduce(0) { $0 + $1.payload.bytes.readableBytes })
    }
}

extension JSONObjectWriter {
    /// The members of a push in a mailbox.
    fileprivate mutating func waiting(_ push: BusPush) {
        string("id", push.id.rawValue)
        if let place = push.durable?.place { string("offset", place.text) }
        time("at", push.acceptedAt)
        time("expiresAt", push.durable?.expiresAt)
        integer("bytes", push.payload.bytes.readableBytes)
        string("format", push.payload.format.rawValue)
        if let collapse = push.durable?.collapse { string("collapse", collapse) }
    }
}
