import Foundation
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct KeyRingTests {
    private func ring(_ text: String) throws(ServerConfiguration.Problem) -> KeyRing {
        try KeyRing(parsing: text, path: "keys")
    }

    private func entry(_ name: String, _ key: APIKey, _ scopes: Scopes = .push, until end: Double? = nil)
        -> KeyRing.Entry
    {
        KeyRing.Entry(name: KeyName(unchecked: name), scopes: scopes, hash: key.hash, expiresAt: end)
    }

    @Test("A hash is SHA-256 of the text, and reads as itself") func hash() throws {
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(KeyHash(of: "abc").description == text)
        #expect(try #require(KeyHash(text)) == KeyHash(of: "abc"))
        #expect(KeyHash(of: "abd") != KeyHash(of: "abc"))
        for wrong in ["", text.dropLast() + "g", text.dropLast() + "", text + "0", "sha1:" + text.dropFirst(7)] {
            #expect(KeyHash(wrong) == nil, "\(wrong)")
        }
        #expect(KeyHash("sha256:+" + text.dropFirst(8)) == nil)
    }

    @Test("Hashes differ in any bit") func bits() throws {
        let digits = Array("0123456789abcdef")
        let zero = try #require(KeyHash("sha256:" + String(repeating: "0", count: 64)))
        for place in 0..<64 {
            for bit in 0..<4 {
                var text = Array(repeating: Character("0"), count: 64)
                text[place] = digits[1 << bit]
                #expect(try #require(KeyHash("sha256:" + String(text))).matches(zero) == 0)
            }
        }
        #expect(zero.matches(zero) == 1)
    }

    @Test("Keys are random, and of one form") func random() {
        let keys = (0..<100).map { _ in APIKey.random().text }
        #expect(Set(keys).count == 100)
        #expect(keys.allSatisfy { $0.hasPrefix("sbk_") && $0.count == 47 && !TokenText.looksLikeOne($0) })
    }

    @Test("Several keys are good at once, each for what it is for") func several() throws {
        let keys = [APIKey.random(), .random(), .random()]
        let text = """
            # those of the shop
            \(entry("shop", keys[0]).line)
              \(entry("shop-new", keys[1], [.push, .read]).line)   # the one that replaces it

            \(entry("ops", keys[2], .admin, until: 2000).line)
            """
        let ring = try ring(text.replacing("\n", with: "\r\n"))
        let found = try keys.map { try ring.principal($0.text, now: 1999) }
        #expect(found.map(\.name) == ["shop", "shop-new", "ops"])
        #expect(found.map(\.scopes) == [.push, [.push, .read], .admin])
        #expect(found.allSatisfy { $0.kind == .key })
        let late = refusal { () throws(Refusal) in try ring.principal(keys[2].text, now: 2000) }
        #expect(late == .keyExpired)
        let long = keys[0].text + String(repeating: "A", count: 600)
        for wrong in ["", keys[0].text.lowercased(), keys[0].text + "A", String(keys[0].text.dropLast()), long, "shop"]
        {
            #expect(refusal { () throws(Refusal) in try ring.principal(wrong, now: 0) } == .unknownKey)
        }
        // The hash is no key: who reads the file cannot use it.
        #expect(refusal { () throws(Refusal) in try ring.principal(keys[0].hash.description, now: 0) } == .unknownKey)
    }

    @Test("An empty ring lets nobody in") func empty() throws {
        let ring = try ring("\n# nothing\n")
        #expect(refusal { () throws(Refusal) in try ring.principal("", now: 0) } == .unknownKey)
    }

    @Test(
        "A line that is wrong is named, and what is in it is not shown",
        arguments: [
            ("shop push", "keys:2: give a name"), ("shop push HASH 2027-01-01T00:00:00Z more", "keys:2: give a name"),
            ("sh/op push HASH", "keys:2: a name has"), ("shop push,write HASH", "keys:2: scopes are"),
            ("shop , HASH", "keys:2: scopes are"), ("shop push sbk_secret", "keys:2: a hash is"),
            ("shop push HASH tomorrow", "keys:2: a time looks like"), ("first read HASH", "keys:2: there is another"),
            ("shop read FIRST", "keys:2: the same key"),
        ])
    func wrongLines(line: String, expected: String) throws {
        let first = KeyHash(of: "first").description
        let text = line.replacing("HASH", with: KeyHash(of: "x").description).replacing("FIRST", with: first)
        let problem = #expect(throws: ServerConfiguration.Problem.self) { try ring("first push \(first)\n\(text)\n") }
        let said = try #require(problem?.description)
        #expect(said.hasPrefix(expected))
        #expect(!said.contains("secret"))
    }

    @Test("A thousand keys, and not one more") func limit() throws {
        func text(_ count: Int) -> String {
            (0..<count).map { "k\($0) read \(KeyHash(of: "\($0)"))" }.joined(separator: "\n")
        }
        #expect(try ring(text(1000)).principal("999", now: 0).name == "k999")
        #expect(throws: ServerConfiguration.Problem.self) { try ring(text(1001)) }
    }

    @Test("A file is written, read again, and a wrong one changes nothing") func file() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "switchboard-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "keys").path
        let (old, new) = (APIKey.random(), APIKey.random())
        #expect(throws: ServerConfiguration.Problem.self) { try KeyFile(path: path) }
        try KeyFile.add(entry("old", old), to: path)
        #expect(try rights(path) == 0o600)
        let file = try KeyFile(path: path)
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        try KeyFile.add(entry("new", new, .read, until: 4_000_000_000), to: path)
        #expect(try rights(path) == 0o640)
        #expect(throws: ServerConfiguration.Problem.self) { try KeyFile.add(entry("new", .random()), to: path) }
        #expect(refusal { () throws(Refusal) in try file.keys.principal(new.text, now: 0) } == .unknownKey)
        try file.reload()
        #expect(try file.keys.principal(new.text, now: 0).expiresAt == 4_000_000_000)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(!text.contains(old.text) && !text.contains(new.text))
        try (text + "nonsense\n").write(toFile: path, atomically: false, encoding: .utf8)
        #expect(throws: ServerConfiguration.Problem.self) { try file.reload() }
        #expect(try file.keys.principal(old.text, now: 0).name == "old")
        try ("# a remark\nnew-not-this read \(KeyHash(of: "z"))\n" + text).write(
            toFile: path, atomically: false, encoding: .utf8)
        try KeyFile.remove(KeyName(unchecked: "old"), from: path)
        #expect(throws: ServerConfiguration.Problem.self) { try KeyFile.remove(KeyName(unchecked: "old"), from: path) }
        try file.reload()
        #expect(file.keys.entries.map(\.name.rawValue) == ["new-not-this", "new"])
        #expect(refusal { () throws(Refusal) in try file.keys.principal(old.text, now: 0) } == .unknownKey)
        #expect(try String(contentsOfFile: path, encoding: .utf8).hasPrefix("# a remark\n"))
        let lines = [entry("a", old).line, entry("b", new).line, entry("c", .random()).line]
        try lines.joined(separator: "\r\n").write(toFile: path, atomically: false, encoding: .utf8)
        try KeyFile.remove(KeyName(unchecked: "a"), from: path)
        #expect(try KeyFile(path: path).keys.entries.map(\.name.rawValue) == ["b", "c"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["keys"])
    }

    private func rights(_ path: String) throws -> Int? {
        try (FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber)?.intValue
    }
}

@Suite struct Base64URLTests {
    @Test("What is encoded is decoded, in one spelling", arguments: 0..<70) func roundTrip(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 251) }
        let text = Base64URL.encode(bytes)
        #expect(Base64URL.decode(text.utf8) == bytes)
        #expect(text.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" })
    }

    @Test("Nothing else is decoded", arguments: ["A", "AB", "AA=", "AA==", "+A", "/A", "A A", "AAAAA", "AA\n", "ÄÄ"])
    func wrong(text: String) {
        #expect(Base64URL.decode(text.utf8) == nil)
    }
}
