import Foundation
import Testing

@testable import SwitchboardServer

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@Suite struct SmallFileTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "small-file-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func status(_ path: String) throws -> stat {
        var found = stat()
        try #require(lstat(path, &found) == 0)
        return found
    }

    @Test func aLinkStaysAndWhatItLeadsToIsReplaced() throws {
        try withFolder { folder in
            let (file, link) = (folder + "/keys", folder + "/link")
            try SmallFile.create(file, with: Array("old".utf8))
            try #require(chmod(file, 0o640) == 0)
            try #require(symlink("keys", link) == 0)
            try SmallFile.replace(link, with: Array("new".utf8))
            #expect(try status(link).st_mode & S_IFMT == S_IFLNK)
            #expect(try SmallFile.read(file, limit: 10) == Array("new".utf8))
            #expect(try status(file).st_mode & 0o777 == 0o640)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["keys", "link"])
        }
    }

    @Test func aLinkThatLeadsNowhereIsLeftAlone() throws {
        try withFolder { folder in
            try #require(symlink("nowhere", folder + "/link") == 0)
            #expect(throws: ServerConfiguration.Problem.self) {
                try SmallFile.replace(folder + "/link", with: [])
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["link"])
        }
    }

    @Test(.enabled(if: geteuid() == 0)) func ownerAndGroupStay() throws {
        try withFolder { folder in
            let file = folder + "/keys"
            try SmallFile.create(file, with: Array("old".utf8))
            try #require(chown(file, 12_345, 12_346) == 0)
            try SmallFile.replace(file, with: Array("new".utf8))
            let now = try status(file)
            #expect((now.st_uid, now.st_gid) == (12_345, 12_346))
            #expect(now.st_mode & 0o777 == 0o600)
        }
    }
}
