import Foundation
import Testing

/// `switchboard key` and `switchboard token`, as people use them.
@Suite("Keys and tokens at a terminal", .timeLimit(.minutes(1))) struct CredentialCommandTests {
    /// In a folder that goes away.
    private func terminal(_ body: (URL, ([String]) async throws -> String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "switchboard-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let program = try Programs.switchboard()
        try await body(folder) { try await ChildProcess.run(program, $0, in: folder) }
    }

    private func rights(_ path: String) throws -> Int? {
        try (FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber)?.intValue
    }

    @Test("A key is made, listed and revoked, and is nowhere but on the terminal") func keys() async throws {
        try await terminal { folder, run in
            let file = folder.appending(path: "keys").path
            let printed = try await run(["key", "create", "shop", "--scope", "push,read", "--file", file])
            let key = printed.trimmingCharacters(in: .newlines)
            #expect(key.hasPrefix("sbk_") && key.count == 47)
            _ = try await run(["key", "create", "ops", "--scope", "admin", "--expires", "90d", "--file", file])
            #expect(try rights(file) == 0o600)
            #expect(try !String(contentsOfFile: file, encoding: .utf8).contains(key))
            let lines = try await run(["key", "list", "--file", file]).split(separator: "\n")
            #expect(lines.count == 3)
            #expect(lines[1].hasPrefix("shop") && lines[1].contains("push,read") && lines[1].hasSuffix("never"))
            #expect(lines[2].hasPrefix("ops") && lines[2].contains("admin") && lines[2].hasSuffix("Z"))
            #expect(try await run(["key", "revoke", "shop", "--file", file]) == "shop revoked\n")
            #expect(try await !run(["key", "list", "--file", file]).contains("shop"))
            for wrong in [
                ["key", "create", "ops", "--scope", "read", "--file", file],
                ["key", "create", "other", "--scope", "write", "--file", file],
                ["key", "create", "other", "--file", file],
                ["key", "revoke", "shop", "--file", file], ["key", "list", "--file", file + ".missing"],
            ] {
                await #expect(throws: Programs.Missing.self) { try await run(wrong) }
            }
        }
    }

    @Test("A token says what it was asked to say", arguments: ["EdDSA", "ES256", "HS256"])
    func tokens(algorithm: String) async throws {
        try await terminal { folder, run in
            let file = folder.appending(path: "signing.json").path
            let set = try await run(["token", "key", "--algorithm", algorithm, "--out", file])
            #expect(set.hasPrefix(#"{"keys":[{"#))
            #expect(set.contains(#""d":"#) == false)
            #expect(try rights(file) == 0o600)
            await #expect(throws: Programs.Missing.self, "what is there is not overwritten") {
                try await run(["token", "key", "--out", file])
            }
            let token = try await run([
                "token", "create", "kiosk-7", "--key", file, "--expires", "15m", "--group", "shop", "--join", "chat:*",
                "--label", "a=b", "--audience", "sb", "--scope", "push,read",
            ])
            let parts = token.trimmingCharacters(in: .newlines).split(separator: ".").map(String.init)
            #expect(parts.count == 3)
            #expect(try object(parts[0])["alg"] as? String == algorithm)
            let claims = try object(parts[1])
            #expect(claims["sub"] as? String == "kiosk-7")
            #expect(claims["groups"] as? [String] == ["shop"])
            #expect(claims["join"] as? [String] == ["chat:*"])
            #expect(claims["labels"] as? [String: String] == ["a": "b"])
            #expect(claims["scope"] as? String == "push read")
            let (made, end) = try (#require(claims["iat"] as? Int), #require(claims["exp"] as? Int))
            #expect(end - made == 900)
        }
    }

    private func object(_ part: String) throws -> [String: Any] {
        var text = part.replacing("-", with: "+").replacing("_", with: "/")
        while !text.count.isMultiple(of: 4) { text += "=" }
        let data = try #require(Data(base64Encoded: text))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }
}
