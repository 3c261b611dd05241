import ArgumentParser
import FoundationEssentials
import NIOCore
import NIOHTTP1
import SwitchboardAgent
import SwitchboardProtocol

struct Command: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send a command to one client and print what it answers.",
        usage: "switchboard command --to ID NAME [DATA|-]",
        discussion: """
            Output is printed as it comes, one piece a line, then the result. The exit status is 0 when the client's status is \
            200...299, else 1. Ctrl-C cancels the command.
            """)

    @Option(help: "The client's id.")
    var to: ClientID

    @Argument(help: "The command's name.")
    var name: String

    @Argument(help: "What goes with it: JSON when it parses as JSON, else text. '-' reads standard input.")
    var data: String?

    @Option(help: "Seconds that the client has for its result, 0.1...600. Default: the server's (30).")
    var timeout: Double?

    @Option(help: "Seconds to wait for a client that is not connected, 0...600. Default: the server's (0).")
    var connectTimeout: Double?

    @Option(help: "The command's id: one with the same id runs once. Default: one that the server gives.")
    var id: String?

    @Option(
        help: ArgumentHelp(
            "Sign the command with the key of this file, for clients that demand it.",
            discussion: "A private key or a shared secret, as `switchboard signing-key` makes them.", valueName: "file")
    )
    var signKey: String?

    @Option(help: "Seconds within which a signed command must be begun, 1...3600.")
    var signFor = 300

    @OptionGroup var api: APIOptions

    func validate() throws {
        guard (1...CommandSignature.longestValidity).contains(signFor) else {
            throw ValidationError("--sign-for must be 1...\(CommandSignature.longestValidity) seconds.")
        }
        if let id, signKey != nil, CommandID(rawValue: id) == nil {
            throw ValidationError("--id must have 1-128 characters of A-Z a-z 0-9 . _ : @ -.")
        }
        if let timeout, !(0.1...600).contains(timeout) { throw ValidationError("--timeout must be 0.1...600 seconds.") }
        if let connectTimeout, !(0...600).contains(connectTimeout) {
            throw ValidationError("--connect-timeout must be 0...600 seconds.")
        }
    }

    func run() async throws {
        try await Output.reporting {
            // What the server needs beyond the time that it was given.
            let patience = (timeout ?? 30) + (connectTimeout ?? 0) + 30
            var status: Int?
            try await api.client.stream(
                "/v1/clients/\(to.rawValue)/commands", json: try body(),
                timeout: .milliseconds(Int64(patience * 1000))
            ) { event in
                guard let document = try? JSONDocument(ByteBuffer(string: event.data)) else {
                    throw Failure("the server's answer is not understood")
                }
                switch event.name {
                case "output": try show(document)
                case "result":
                    try show(document)
                    status = document["status"].flatMap(document.integer)
                case "error":
                    let code = document["status"].flatMap(document.integer) ?? 500
                    throw Failure(HTTPResponseStatus(statusCode: code), document.buffer)
                default: break  // of a newer server
                }
            }
            guard let status else { throw Failure("the answer ended before the result came") }
            guard (200...299).contains(status) else {
                Output.note("switchboard: \(to) answered with the status \(status)")
                throw ExitCode.failure
            }
        }
    }

    private func show(_ document: JSONDocument) throws {
        if api.json { return try Output.document(document.buffer) }
        guard let payload = try? Payload(parsing: document) else { return }
        try Output.said(payload.plain)
    }

    private func body() throws -> ByteBuffer {
        var buffer = ByteBuffer()
        var json = JSONObjectWriter(taking: &buffer)
        json.string("name", name)
        let payload = try data.map { Self.payload($0 == "-" ? try Input.standard() : ByteBuffer(string: $0)) }
        if let payload { json.payload(payload) }
        if let timeout { json.number("timeout", timeout) }
        if let connectTimeout { json.number("connectTimeout", connectTimeout) }
        if let signKey {
            let key = try SigningKeyFile.signingKey(in: signKey)
            let (id, now) = (try signedID(), Int(Date().timeIntervalSince1970))
            json.string("id", id.rawValue)
            do throws(SigningKeyError) {
                json.signature(
                    try key.sign(
                        client: to, id: id, name: name,
                        payload: payload ?? Payload(format: .json, bytes: ByteBuffer(string: "null")),
                        issued: now, seconds: signFor))
            } catch { throw Failure("the command cannot be signed: \(error)") }
        } else if let id {
            json.string("id", id)
        }
        return json.finish()
    }

    /// What is signed needs an id before it reaches the server.
    private func signedID() throws -> CommandID {
        guard let id else {
            var ids = ULIDGenerator()
            return CommandID(unchecked: ids.next(milliseconds: UInt64(Date().timeIntervalSince1970 * 1000)))
        }
        guard let id = CommandID(rawValue: id) else { throw Failure("'\(id)' is no id of a command") }
        return id
    }

    private static func payload(_ bytes: ByteBuffer) -> Payload {
        if (try? JSONDocument.validate(bytes)) != nil { return Payload(format: .json, bytes: bytes.withoutSpaceAround) }
        return Payload(format: UTF8Text.isValid(bytes) ? .text : .binary, bytes: bytes)
    }
}
