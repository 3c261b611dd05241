import ArgumentParser
import NIOCore
import SwitchboardProtocol

struct Mailbox: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the durable pushes that wait for a client, or take some back.")

    @Argument(help: "The client's id.")
    var id: ClientID

    @Option(help: "Take this push back.")
    var cancel: PushName?

    @Flag(help: "Take all of them back.")
    var empty = false

    @OptionGroup var api: APIOptions

    /// A push's id as an argument.
    struct PushName: ExpressibleByArgument {
        let id: PushID

        init?(argument: String) {
            guard let id = PushID(rawValue: argument) else { return nil }
            self.id = id
        }
    }

    func validate() throws {
        guard cancel == nil || !empty else { throw ValidationError("Give --cancel or --empty, not both.") }
    }

    func run() async throws {
        try await Output.reporting {
            let path = "/v1/clients/\(id)/mailbox"
            if let cancel {
                let answer = try await api.client.delete("\(path)/\(cancel.id)")
                if !api.json { return try Output.line("\(cancel.id) taken back") }
                if answer.readableBytes > 0 { try Output.document(answer) }
            } else if empty {
                try Output.document(try await api.client.delete(path))
            } else {
                try await show(path)
            }
        }
    }

    private func show(_ path: String) async throws {
        let answer = try await api.client.get(path)
        guard !api.json else { return try Output.document(answer) }
        let mailbox = try MailboxAnswer.reading(answer)
        try Output.line("\(mailbox.count) pushes, \(mailbox.bytes) bytes")
        for push in mailbox.pushes {
            try Output.line("\(push.id)  \(push.at)  until \(push.expiresAt)  \(push.bytes) bytes of \(push.format)")
        }
        if mailbox.next != nil { try Output.line("... and more") }
    }
}
