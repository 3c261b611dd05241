import Foundation
import NIOCore
import Testing

@testable import SwitchboardServer

@Suite struct ConsoleFilesTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../Sources/SwitchboardServer/Console/Pages").standardized

    /// A file without a line in the table would be in the program, and served by nobody.
    @Test func everyFileOfTheFolderIsServed() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(Set(names) == Set(ConsoleFiles.all.keys))
    }

    @Test func pagesHaveOneAddressEach() {
        #expect(ConsoleFiles.named("") === ConsoleFiles.all["overview.html"])
        #expect(ConsoleFiles.named("clients") === ConsoleFiles.all["clients.html"])
        #expect(ConsoleFiles.named("clients.html") == nil)
        #expect(ConsoleFiles.named("shell.js") === ConsoleFiles.all["shell.js"])
        #expect(ConsoleFiles.named("nowhere") == nil && ConsoleFiles.named("../shell.js") == nil)
    }

    @Test(arguments: [
        ("gzip", true), ("deflate, gzip;q=0.5", true), ("x-gzip", true), ("GZIP", true), ("br;q=1, gzip ; q=1.0", true),
        ("gzip;q=0", false), ("gzip;q=0.000, br", false), ("identity", false), ("", false), ("gzipped", false),
    ])
    func whoTakesGzip(header: String, takes: Bool) {
        #expect(ConsoleFile.takesGzip([header]) == takes)
    }

    @Test func severalLinesOfAHeaderAreOneList() { #expect(ConsoleFile.takesGzip(["br", "gzip"])) }

    @Test func gzipIsSmallerAndHasItsMark() throws {
        let text = ByteBuffer(string: String(repeating: "console ", count: 1000))
        let compressed = try #require(Gzip.compress(text))
        #expect(compressed.readableBytes < 200)
        #expect(compressed.getBytes(at: compressed.readerIndex, length: 3) == [0x1F, 0x8B, 8])
        #expect(Gzip.compress(ByteBuffer()) != nil)
    }

    @Test(arguments: [
        ("a.html", "text/html; charset=utf-8"), ("a.js", "text/javascript; charset=utf-8"), ("a.svg", "image/svg+xml"),
        ("a.css", "text/css; charset=utf-8"), ("a.bin", "application/octet-stream"),
    ])
    func types(name: String, type: String) { #expect(ConsoleFile.type(of: name) == type) }

    // MARK: Libraries

    private func withLibraries(_ files: [String: String], _ body: (ConsoleLibraries) throws -> Void) throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "console-\(UUID())")
        defer { try? FileManager.default.removeItem(at: root) }
        for (path, text) in files {
            let file = root.appending(path: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        try FileManager.default.createDirectory(
            at: root.appending(path: "javascript"), withIntermediateDirectories: true)
        try body(ConsoleLibraries(folder: root.appending(path: "javascript").path))
    }

    private func problem(_ libraries: ConsoleLibraries, _ name: String) -> Problem? {
        do throws(Problem) {
            _ = try libraries.file(name)
            return nil
        } catch { return error }
    }

    @Test func librariesOfThePackages() throws {
        let files = [
            "javascript/chart.js/chart.js": "window.Chart = 1;", "javascript/xterm/xterm.css": "a {}",
            "javascript/xterm/xterm.js": #"var t = require("./public/Terminal");"#,
            "nodejs/xterm/lib/public/Terminal.js": "exports.Terminal = 1;",
        ]
        try withLibraries(files) { libraries in
            for name in ["chart.js", "xterm.js", "xterm.css"] { #expect(problem(libraries, name) == nil) }
            #expect(problem(libraries, "jquery.js")?.detail == Problem.notFound.detail)
            #expect(problem(libraries, "../chart.js") != nil)
        }
    }

    @Test func aMissingLibraryNamesItsPackage() throws {
        let packages = [("chart.js", "libjs-chart.js"), ("xterm.js", "node-xterm"), ("xterm.css", "libjs-xterm")]
        try withLibraries(["javascript/xterm/xterm.js": #"var t = require("./public/Terminal");"#]) { libraries in
            for (name, package) in packages {
                let problem = problem(libraries, name)
                #expect(problem?.status == 404 && problem?.code == "not_found")
                #expect(problem?.detail.contains("install the package \(package)") == true)
            }
        }
    }
}
