import NIOCore
import SwitchboardProtocol

/// The keys of those who make tokens.
struct TokenKeySet: Sendable {
    /// The most keys of a set.
    static let maximum = 100
    /// The most keys that are tried for a token that names none.
    static let maximumTries = 8

    let keys: [TokenKey]
    /// Rises with each set that takes the place of another.
    let version: Int
    private let fingerprints: Set<KeyHash>

    init(_ keys: [TokenKey] = [], version: Int = 0) {
        self.keys = keys
        fingerprints = Set(keys.map(\.fingerprint))
        self.version = version
    }

    /// What there is for a token.
    enum Candidates {
        case keys([TokenKey])
        /// The key that it names is for another algorithm.
        case wrongAlgorithm
        /// It names a key that is not there.
        case unknown
    }

    func candidates(for token: TokenText) -> Candidates {
        guard let id = token.keyID else {
            let all = keys.filter { $0.algorithm == token.algorithm }
            return all.isEmpty ? .unknown : .keys(Array(all.prefix(Self.maximumTries)))
        }
        let named = keys.filter { $0.id == id }
        guard named.isEmpty else {
            let fitting = named.filter { $0.algorithm == token.algorithm }
            return fitting.isEmpty ? .wrongAlgorithm : .keys(Array(fitting.prefix(Self.maximumTries)))
        }
        // A key without a name may be meant by any name.
        let unnamed = keys.filter { $0.id == nil && $0.algorithm == token.algorithm }
        return unnamed.isEmpty ? .unknown : .keys(Array(unnamed.prefix(Self.maximumTries)))
    }

    func holds(_ id: String) -> Bool { keys.contains { $0.id == id } }

    /// Whether the key with this ``TokenKey/fingerprint`` is there, by whatever name.
    func holds(_ fingerprint: KeyHash) -> Bool { fingerprints.contains(fingerprint) }

    /// Reads a JSON Web Key Set (RFC 7517 section 5).
    ///
    /// - Parameter allowsSecrets: Whether keys for HS256 are taken: what everybody may fetch is no secret.
    /// - Returns: The keys, and why others were passed over, a line each.
    /// - Throws: when it is no such set, or has no key that is of use.
    static func reading(
        _ text: ByteBuffer, allowsSecrets: Bool
    ) async throws(TokenKey.Fault) -> (keys: [TokenKey], remarks: [String]) {
        guard let document = try? JSONDocument(text), let slice = document["keys"],
            let elements = document.elements(slice)
        else { throw TokenKey.Fault("it is no JSON object with a list 'keys'") }
        guard elements.count <= maximum else { throw TokenKey.Fault("it has more than \(maximum) keys") }
        var keys: [TokenKey] = []
        var remarks: [String] = []
        for (index, element) in elements.enumerated() {
            guard let jwk = document.object(element) else {
                remarks.append("key \(index + 1) is passed over: it is no JSON object")
                continue
            }
            do throws(TokenKey.Fault) {
                let key = try await TokenKey(jwk: jwk)
                guard key.algorithm != .hs256 || allowsSecrets else {
                    throw TokenKey.Fault("a secret that can be fetched is none")
                }
                keys.append(key)
            } catch { remarks.append("key \(index + 1) is passed over: \(error)") }
        }
        guard !keys.isEmpty else {
            throw TokenKey.Fault((["it has no key that is of use"] + remarks.prefix(3)).joined(separator: "; "))
        }
        return (keys, remarks)
    }
}
