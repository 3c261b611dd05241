import ArgumentParser
import SwitchboardAgent
import SwitchboardProtocol

struct SigningKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signing-key", abstract: "Keys with which commands are signed.", subcommands: [Create.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key: ID.key for who signs, and ID.pub for the agents.",
            discussion: """
                `switchboard command --sign-key ID.key` signs with it, and `switchboard agent --command-key ID.pub` runs only \
                what was signed. ID.key can be read by its owner alone. Files that exist are left as they are.
                """)

        @Argument(help: "The key's id, which goes with every signature: 1-128 characters of A-Z a-z 0-9 . _ : @ -")
        var id: SigningKeyID

        @Option(help: "Where to write the files.", completion: .directory)
        var directory = "."

        @Flag(help: "A secret that signer and agents share (HMAC-SHA256): one file, for platforms without Ed25519.")
        var hmac = false

        func run() async throws {
            try await Output.reporting {
                let key = hmac ? CommandSigningKey.hmacSHA256(id: id) : CommandSigningKey.ed25519(id: id)
                let path = "\(directory)/\(id)"
                try SigningKeyFile.create("\(path).key", key.text, mode: 0o600)
                if !hmac {
                    try SigningKeyFile.create("\(path).pub", key.commandKey.text, mode: 0o644)
                    try Output.line(key.commandKey.text)
                }
            }
        }
    }
}
