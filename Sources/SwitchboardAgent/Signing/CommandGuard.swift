import Crypto
import NIOCore
import SwitchboardProtocol

/// Decides whether a command was signed by one of the keys, for this client and for now; a struct without I/O.
///
/// Whether it has come before is for ``SealBook`` to say.
struct CommandGuard: Sendable {
    /// Seconds that clocks may differ at most.
    static let largestSkew = 600

    let keys: [SigningKeyID: CommandKey]
    let client: ClientID
    /// Seconds that the clocks of backend and agent may differ.
    let skew: Int

    init(keys: [SigningKeyID: CommandKey], client: ClientID, skew: Int) {
        self.keys = keys
        self.client = client
        self.skew = skew
    }

    /// - Returns: nil when commands need not be signed.
    /// - Throws: ``AgentError`` when they must be, and the agent could not keep that up.
    init?(_ configuration: AgentConfiguration) throws(AgentError) {
        guard !configuration.commandKeys.isEmpty else { return nil }
        guard let client = configuration.client else {
            throw .invalidConfiguration("signed commands need a client id of the agent's own: they are signed for one")
        }
        guard configuration.stateFile != nil else {
            throw .invalidConfiguration("signed commands need a state file, or a restart would let them be repeated")
        }
        guard (0...Double(Self.largestSkew)).contains(configuration.commandClockSkew) else {
            throw .invalidConfiguration("commandClockSkew must be 0...\(Self.largestSkew) seconds")
        }
        var keys: [SigningKeyID: CommandKey] = [:]
        for key in configuration.commandKeys {
            guard keys.updateValue(key, forKey: key.id) == nil else {
                throw .invalidConfiguration("there are two signing keys with the id \(key.id)")
            }
        }
        self.init(keys: keys, client: client, skew: Int(configuration.commandClockSkew))
    }

    /// - Parameter now: Unix seconds.
    /// - Returns: What has to be remembered of the command.
    func check(_ command: ServerFrame.Command, now: Int) throws(CommandRefusal) -> SealBook.Seal {
        guard let signature = command.signature else { throw .required }
        guard let key = keys[signature.key] else { throw .unknownKey(signature.key) }
        guard let id = CommandID(rawValue: command.id), let value = Base64URL.decode(signature.value.utf8) else {
            throw .invalid
        }
        let statement = CommandStatement(
            client: client, id: id, name: command.name, payload: command.payload, key: key.id, issued: signature.issued,
            expires: signature.expires)
        guard let bytes = statement.bytes, key.hasSigned(bytes, value) else { throw .invalid }
        guard (1...CommandSignature.longestValidity).contains(signature.expires - signature.issued) else {
            throw .validForTooLong
        }
        guard signature.issued <= now + skew else { throw .notYetValid(now: now) }
        try checkTime(signature, now: now)
        let digest = statement.content.withUnsafeReadableBytes { SHA256.hash(data: $0) }
        return SealBook.Seal(content: Base64URL.encode(digest), expires: signature.expires)
    }

    /// Whether it may still be begun.
    func checkTime(_ signature: CommandSignature, now: Int) throws(CommandRefusal) {
        guard now <= signature.expires + skew else { throw .expired(now: now) }
    }
}
