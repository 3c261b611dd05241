import Crypto
import Foundation
import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// Which commands are let in, with the clock in the test's hand.
@Suite struct GuardTests {
    static let now = 1_795_312_800
    static let key = CommandSigningKey.ed25519(id: "ops-1")
    static let secret = CommandSigningKey.hmacSHA256(id: "ops-2")

    static func signed(
        with key: CommandSigningKey = GuardTests.key, client: String = "kiosk-7", id: String = "c1",
        name: String = "restart",
        _ payload: Payload = .json(#"{"delay": 5.0}"#), issued: Int = GuardTests.now, seconds: Int = 300
    ) throws -> ServerFrame.Command {
        let signature = try key.sign(
            client: ClientID(unchecked: client), id: CommandID(unchecked: id), name: name, payload: payload,
            issued: issued, seconds: seconds)
        return ServerFrame.Command(id: id, name: name, payload: payload, timeout: 30, signature: signature)
    }

    private static let commandGuard = CommandGuard(
        keys: ["ops-1": key.commandKey, "ops-2": secret.commandKey], client: ClientID(unchecked: "kiosk-7"), skew: 60)

    private static func refusal(_ command: ServerFrame.Command, now: Int = GuardTests.now) -> CommandRefusal? {
        do throws(CommandRefusal) {
            _ = try commandGuard.check(command, now: now)
            return nil
        } catch { return error }
    }

    @Test func anHonestCommandIsLetIn() throws {
        let binary = Payload(format: .binary, bytes: ByteBuffer(bytes: [0, 10, 255]))
        for key in [Self.key, Self.secret] {
            for payload in [.json("null"), .json("3.20"), .json("{ \"a\" :\n1}"), binary] {
                #expect(Self.refusal(try Self.signed(with: key, name: "ü x", payload)) == nil)
            }
        }
        #expect(try Self.commandGuard.check(Self.signed(), now: Self.now).expires == Self.now + 300)
    }

    /// The one that docs/protocol.md gives to those who write their own.
    @Test func theExampleOfTheDocument() throws {
        let text = "switchboard-ed25519-private ops-1 nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
        let key = try CommandSigningKey(text: text)
        #expect(key.commandKey.text == "switchboard-ed25519-public ops-1 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
        let value = "HSEzOecgKWJj79se07L60ZjnN5Tpto_V4EprvKxru1GXoEVjPP-zo8wxk3msDH2diVWjDE97sI31TkGrhksbCA"
        let command = ServerFrame.Command(
            id: "restart-81", name: "restart", payload: .json(#"{"delay": 5}"#), timeout: 30,
            signature: CommandSignature(key: "ops-1", issued: 1_795_312_800, expires: 1_795_313_100, value: value))
        let commandGuard = CommandGuard(
            keys: ["ops-1": key.commandKey], client: ClientID(unchecked: "kiosk-7"), skew: 0)
        #expect(try commandGuard.check(command, now: 1_795_313_100).expires == 1_795_313_100)
    }

    @Test func whateverIsChangedIsNoticed() throws {
        let honest = try Self.signed()
        var changed: [ServerFrame.Command] = []
        func change(_ body: (inout ServerFrame.Command) -> Void) {
            var command = honest
            body(&command)
            changed.append(command)
        }
        change { $0.id = "c2" }
        change { $0.name = "restart " }
        // The same value, written in another way, is another payload.
        for payload in [#"{"delay": 5}"#, #"{"delay":5.0}"#, #"{"delay": 5.0} "#, "null"] {
            change { $0.payload = .json(payload) }
        }
        change { $0.payload.format = .binary }
        change { $0.name = "restart\ndata" }
        func sign(_ change: (CommandSignature) -> (String, Int, Int, String)) {
            let parts = honest.signature.map(change)
            var command = honest
            command.signature = parts.flatMap {
                CommandSignature(key: SigningKeyID(unchecked: $0.0), issued: $0.1, expires: $0.2, value: $0.3)
            }
            changed.append(command)
        }
        sign { ("ops-1", $0.issued - 1, $0.expires, $0.value) }
        sign { ("ops-1", $0.issued, $0.expires + 1, $0.value) }
        sign { ("ops-2", $0.issued, $0.expires, $0.value) }
        sign { ("ops-1", $0.issued, $0.expires, $0.value + "AAAA") }
        sign { ("ops-1", $0.issued, $0.expires, "AA") }
        sign { ("ops-1", $0.issued, $0.expires, "A") }
        for command in changed { #expect(Self.refusal(command) == .invalid, "\(command)") }
        #expect(Self.refusal(try Self.signed(client: "kiosk-8")) == .invalid)
        #expect(Self.refusal(try Self.signed(with: .ed25519(id: "ops-1"))) == .invalid)
        // No key is taken for one of another algorithm: what is public is no secret.
        let confused = CommandSigningKey.hmacSHA256(id: "ops-1")
        #expect(Self.refusal(try Self.signed(with: confused)) == .invalid)
    }

    @Test func unsignedOrOfAnUnknownKey() throws {
        var command = try Self.signed()
        command.signature = nil
        #expect(Self.refusal(command) == .required)
        #expect(Self.refusal(try Self.signed(with: .ed25519(id: "other"))) == .unknownKey("other"))
    }

    @Test func itsTimeIsThatOfTheAgentsClockGiveOrTakeAMinute() throws {
        let command = try Self.signed(seconds: 300)
        let now = Self.now
        #expect(Self.refusal(command, now: now - 60) == nil && Self.refusal(command, now: now + 360) == nil)
        #expect(Self.refusal(command, now: now - 61) == .notYetValid(now: now - 61))
        #expect(Self.refusal(command, now: now + 361) == .expired(now: now + 361))
        #expect(Self.refusal(try Self.signed(seconds: 3600)) == nil)
        #expect(throws: SigningKeyError.self) { try Self.signed(seconds: 3601) }
        #expect(throws: SigningKeyError.self) { try Self.signed(seconds: 0) }
    }

    /// Signed by the key, and for longer than an agent wants to remember: our own signer refuses to.
    @Test func goodForTooLong() throws {
        for expires in [Self.now + 3601, Self.now, Self.now - 1] {
            let statement = CommandStatement(
                client: ClientID(unchecked: "kiosk-7"), id: CommandID(unchecked: "c1"), name: "n", payload: .json("1"),
                key: "ops-2", issued: Self.now, expires: expires)
            let bytes = try #require(statement.bytes)
            guard case .hmacSHA256(let secret) = Self.secret.material else { return }
            let code = HMAC<SHA256>.authenticationCode(for: Array(buffer: bytes), using: secret)
            let signature = CommandSignature(
                key: "ops-2", issued: Self.now, expires: expires, value: Base64URL.encode(code))
            let command = ServerFrame.Command(
                id: "c1", name: "n", payload: .json("1"), timeout: 1, signature: signature)
            #expect(Self.refusal(command) == .validForTooLong)
        }
    }

    @Test func theContentIsTheSameWhenItIsSignedAnew() throws {
        func content(_ command: ServerFrame.Command) throws -> String {
            try Self.commandGuard.check(command, now: Self.now).content
        }
        let first = try content(Self.signed())
        #expect(try content(Self.signed(with: Self.secret, issued: Self.now - 5, seconds: 20)) == first)
        #expect(try content(Self.signed(id: "c2")) != first)
        #expect(try content(Self.signed(name: "stop")) != first)
        #expect(try content(Self.signed(.json("1"))) != first)
    }

    @Test func anAgentThatCouldNotKeepItUpDoesNotStart() throws {
        func start(_ change: (inout AgentConfiguration) -> Void) throws(AgentError) -> CommandGuard? {
            var configuration = AgentConfiguration(url: "ws://127.0.0.1:1", client: ClientID(rawValue: "a"))
            configuration.stateFile = "a.state"
            configuration.commandKeys = [Self.key.commandKey, Self.secret.commandKey]
            change(&configuration)
            return try CommandGuard(configuration)
        }
        #expect(try start { _ in }?.keys.count == 2)
        #expect(try start { $0.commandKeys = [] }?.keys.count == nil)
        for change: (inout AgentConfiguration) -> Void in [
            { $0.client = nil }, { $0.stateFile = nil }, { $0.commandClockSkew = -1 }, { $0.commandClockSkew = 601 },
            { $0.commandClockSkew = .nan },
            { $0.commandKeys.append(CommandSigningKey.ed25519(id: "ops-1").commandKey) },
        ] {
            #expect(throws: AgentError.self) { try start(change) }
        }
    }
}
