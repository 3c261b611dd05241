import NIOCore
public import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// The published vectors, and keys as text.
@Suite struct KeyTests {
    static let id = SigningKeyID(unchecked: "ops-1")

    static func bytes(_ hexadecimal: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Substring(hexadecimal.filter { !$0.isWhitespace })
        while let byte = UInt8(rest.prefix(2), radix: 16) {
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    /// RFC 8032 section 7.1, tests 1 to 3 and SHA(abc): secret key, public key, message, signature.
    static let vectors: [(secret: String, open: String, message: String, signature: String)] = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
            """
            e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155
            5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b
            """
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
            """
            92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
            085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00
            """
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
            """
            6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
            18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a
            """
        ),
        (
            "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            """
            ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a
            2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f
            """,
            """
            dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589
            09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704
            """
        ),
    ]

    @Test(arguments: vectors.indices)
    func ed25519(index: Int) throws {
        let vector = Self.vectors[index]
        let key = try CommandKey(id: Self.id, ed25519: Self.bytes(vector.open))
        let (message, signature) = (ByteBuffer(bytes: Self.bytes(vector.message)), Self.bytes(vector.signature))
        #expect(key.hasSigned(message, signature))
        #expect(try CommandSigningKey(id: Self.id, ed25519: Self.bytes(vector.secret)).commandKey.text == key.text)
        for index in [0, 31, 32, 63] {
            var wrong = signature
            wrong[index] ^= 1
            #expect(!key.hasSigned(message, wrong))
        }
        #expect(!key.hasSigned(message, Array(signature.dropLast())) && !key.hasSigned(message, []))
        var longer = message
        longer.writeInteger(UInt8(0))
        #expect(!key.hasSigned(longer, signature))
    }

    /// A second signature of the same bytes, made of the first by adding the order of the group to its second half: RFC 8032
    /// section 5.1.7 says to refuse it.
    @Test func aSignatureIsNotMalleable() throws {
        let order = Self.bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        let vector = Self.vectors[0]
        var signature = Self.bytes(vector.signature)
        var carry = 0
        for index in 0..<32 {
            carry += Int(signature[32 + index]) + Int(order[index])
            signature[32 + index] = UInt8(carry & 255)
            carry >>= 8
        }
        #expect(try !CommandKey(id: Self.id, ed25519: Self.bytes(vector.open)).hasSigned(ByteBuffer(), signature))
    }

    /// RFC 4231 section 4.7: its key is longer than ours may be, so the second half of the RFC's other cases is padded; zeros at
    /// the end of a key mean nothing to HMAC (RFC 2104 section 2).
    @Test func hmac() throws {
        for (key, data, code) in [
            (
                String(repeating: "0b", count: 20), "4869205468657265",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
        ] {
            var secret = Self.bytes(key)
            secret += Array(repeating: 0, count: 64 - secret.count)
            let key = try CommandKey(id: Self.id, hmacSHA256: secret)
            #expect(key.hasSigned(ByteBuffer(bytes: Self.bytes(data)), Self.bytes(code)))
            var wrong = Self.bytes(code)
            wrong[31] ^= 0x80
            #expect(!key.hasSigned(ByteBuffer(bytes: Self.bytes(data)), wrong))
            #expect(!key.hasSigned(ByteBuffer(bytes: Self.bytes(data)), Array(wrong.prefix(16))))
        }
    }

    @Test func keysComeBackFromTheirText() throws {
        for key in [CommandSigningKey.ed25519(id: Self.id), .hmacSHA256(id: Self.id)] {
            #expect(try CommandSigningKey(text: key.text + "\n").text == key.text)
            #expect(try CommandKey.keys(in: key.commandKey.text).map(\.text) == [key.commandKey.text])
        }
        let (one, two) = (CommandSigningKey.ed25519(id: Self.id), CommandSigningKey.hmacSHA256(id: "k:2@x"))
        let text = "# the old one\n\n\(one.commandKey.text)\r\n  \(two.text)  \n"
        #expect(try CommandKey.keys(in: text).map(\.id.rawValue) == ["ops-1", "k:2@x"])
        // A description is for logs.
        #expect("\(one) \(two) \(two.commandKey)" == "ops-1 (Ed25519) k:2@x (HMAC-SHA256) k:2@x (HMAC-SHA256)")
    }

    @Test func whatIsNoKeyIsRefusedAndNotRepeated() throws {
        let secret = Base64URL.encode(Array(repeating: 7, count: 31) as [UInt8])
        for text in [
            "", "# nothing", "ops-1", "switchboard-ed25519-public ops-1", "switchboard-ed25519-public a/b \(secret)",
            "switchboard-ed25519-public ops-1 \(secret)", "switchboard-ed25519-public ops-1 \(secret) more",
            "switchboard-ed25519-secret ops-1 \(secret)", "switchboard-hmac-sha256-secret ops-1 \(secret)",
            "switchboard-hmac-sha256-secret ops-1 \(secret)=",
        ] {
            let error = #expect(throws: SigningKeyError.self) { try CommandKey.keys(in: text) }
            #expect(error.map { !"\($0)".contains(secret) } ?? false, "\(text)")
            #expect(throws: SigningKeyError.self) { try CommandSigningKey(text: text) }
        }
        let key = CommandSigningKey.ed25519(id: Self.id)
        // Each side is told when it was given the other's half.
        #expect(throws: SigningKeyError("it holds the private key ops-1: agents get the public one, the .pub file")) {
            try CommandKey.keys(in: key.text)
        }
        #expect(throws: SigningKeyError("it holds the public key ops-1: the private one signs")) {
            try CommandSigningKey(text: key.commandKey.text)
        }
        #expect(throws: SigningKeyError("it holds more than one key")) {
            try CommandSigningKey(text: key.text + "\n" + key.text)
        }
    }
}

extension SigningKeyID: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self.init(unchecked: value) }
}
