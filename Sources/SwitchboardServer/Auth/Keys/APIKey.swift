import Crypto
import FoundationEssentials
import SwitchboardProtocol

/// The secret with which a backend shows who it is. Its holder alone has it; a node knows its hash.
///
/// It has 256 random bits, so that a plain SHA-256 of it tells nothing: there is nothing to guess.
public struct APIKey: Sendable {
    /// What scanners for leaked secrets may look for.
    static let prefix = "sbk_"
    /// The most bytes of a text that is looked at.
    static let maximumLength = 512

    /// Secret.
    public let text: String

    public static func random() -> APIKey {
        let bytes = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
        return APIKey(text: prefix + Base64URL.encode(bytes))
    }

    /// For the key file.
    public var hash: KeyHash { KeyHash(of: text) }
}

/// SHA-256 of a key.
public struct KeyHash: Hashable, Sendable, CustomStringConvertible {
    private static let prefix = "sha256:"

    private let words: (UInt64, UInt64, UInt64, UInt64)

    init(of text: some StringProtocol) {
        words = SHA256.hash(data: Data(text.utf8)).withUnsafeBytes { bytes in
            (
                bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
                bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self),
                bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
            )
        }
    }

    /// - Returns: nil unless it is `sha256:` and 64 hexadecimal digits.
    init?(_ text: some StringProtocol) {
        guard text.hasPrefix(Self.prefix), text.utf8.count == Self.prefix.utf8.count + 64 else { return nil }
        let digits = Array(text.utf8.dropFirst(Self.prefix.utf8.count))
        var words: [UInt64] = []
        for start in stride(from: 0, to: digits.count, by: 16) {
            let part = digits[start..<min(start + 16, digits.count)]
            guard part.first != UInt8(ascii: "+"), part.first != UInt8(ascii: "-"),
                let word = UInt64(String(decoding: part, as: UTF8.self), radix: 16)
            else { return nil }
            words.append(UInt64(bigEndian: word))
        }
        guard words.count == 4 else { return nil }
        self.words = (words[0], words[1], words[2], words[3])
    }

    public var description: String {
        let digits = [words.0, words.1, words.2, words.3].map { word in
            let text = String(UInt64(bigEndian: word), radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        return Self.prefix + digits.joined()
    }

    /// 1 when both are the same, else 0; it takes the same time either way.
    func matches(_ other: KeyHash) -> UInt64 {
        let difference =
            (words.0 ^ other.words.0) | (words.1 ^ other.words.1) | (words.2 ^ other.words.2)
            | (words.3 ^ other.words.3)
        return 1 &- ((difference | (0 &- difference)) >> 63)
    }

    public static func == (left: KeyHash, right: KeyHash) -> Bool { left.matches(right) == 1 }

    public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}
