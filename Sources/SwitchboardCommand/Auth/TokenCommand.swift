import ArgumentParser
import FoundationEssentials
import NIOCore
import SwitchboardProtocol
import SwitchboardServer

/// `switchboard token`: tokens for clients and backends, and keys to sign them with.
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Make tokens (JWT), and keys to sign them with.",
        discussion: """
            Usually it is a backend that makes them. This makes tokens for agents that are set up by hand, and for trying out.
            """,
        subcommands: [Create.self, Key.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token and print it.",
            discussion: """
                The signing key is a file with a private JSON Web Key, such as `switchboard token key` makes, or with the \
                secret of HS256 in its first line; '-' reads it from standard input.
                """)

        @Argument(help: "The client's id; for a backend its name.")
        var subject: ClientID

        @Option(help: "The file with the signing key.", completion: .file())
        var key: String

        @Option(help: "For how long it is valid.")
        var expires = TimeArgument(seconds: 3600)

        @Option(name: .customLong("group"), help: "A group that the client is put in.")
        var groups: [GroupName] = []

        @Option(name: .customLong("join"), help: "A group that the client may join by itself, such as chat:*.")
        var joinable: [GroupPattern] = []

        @Option(name: .customLong("publish"), help: "A group that the client may publish to, such as chat:*.")
        var publishable: [GroupPattern] = []

        @Option(name: .customLong("label"), help: "A label of the client, as NAME=VALUE.")
        var labels: [LabelArgument] = []

        @Option(help: "Of a backend: what it may do, push, read or admin; several with commas.")
        var scope: Scopes?

        @Option(help: "Who it is for (aud).")
        var audience: String?

        @Option(help: "Who it is from (iss).")
        var issuer: String?

        func run() async throws {
            try await Output.reporting {
                let signer = try await TokenSigner(try key == "-" ? Input.standard() : Input.file(key))
                try Output.line(try signer.sign(claims(now: Int(Date().timeIntervalSince1970))))
            }
        }

        /// - Parameter now: Unix time in seconds.
        func claims(now: Int) -> ByteBuffer {
            JSONObjectWriter.document { json in
                json.string("sub", subject.rawValue)
                json.integer("iat", now)
                json.integer("exp", now + expires.seconds)
                if let audience { json.string("aud", audience) }
                if let issuer { json.string("iss", issuer) }
                if !groups.isEmpty { json.strings("groups", groups.map(\.rawValue)) }
                if !joinable.isEmpty { json.strings("join", joinable.map(\.description)) }
                if !publishable.isEmpty { json.strings("publish", publishable.map(\.description)) }
                if !labels.isEmpty { json.strings("labels", labels.dictionary) }
                if let scope { json.string("scope", scope.names.joined(separator: " ")) }
            }
        }
    }

    struct Key: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key to sign tokens with.",
            discussion: """
                The private key goes to a new file that only its owner may read. Standard output gets the JSON Web Key Set \
                for the nodes (--token-keys), which for HS256 holds the same secret.
                """)

        @Option(help: "EdDSA, ES256 or HS256.")
        var algorithm = TokenAlgorithm.edDSA

        @Option(help: "The new file for the private key.", completion: .file())
        var out: String

        func run() async throws {
            try await Output.reporting {
                guard let new = NewSigningKey(algorithm) else {
                    throw Failure("keys for \(algorithm.rawValue) are made with other tools: take EdDSA or ES256")
                }
                try new.save(to: out)
                try Output.document(new.keySet)
            }
        }
    }
}
