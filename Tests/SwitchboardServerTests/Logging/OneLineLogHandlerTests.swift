import Logging
import Testing

@testable import SwitchboardServer

@Suite struct OneLineLogHandlerTests {
    /// Writes as plainly as can be.
    private struct Plain: LogHandler {
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]
        let lines: Box<String>

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
            lines.add("\(event.message) " + all.map { "\($0.key)=\($0.value)" }.joined(separator: " "))
        }
    }

    private func line(_ body: (inout Logger) -> Void) throws -> String {
        let lines = Box<String>()
        var logger = Logger(label: "test") { _ in OneLineLogHandler(Plain(lines: lines)) }
        body(&logger)
        try #require(lines.list.count == 1)
        return lines.list[0]
    }

    @Test(arguments: [
        ("a\nwarning node lost", #"a\nwarning node lost"#), ("a\r\nb", #"a\r\nb"#),
        ("\u{1B}[2Jgone", #"\u{1B}[2Jgone"#), ("\u{9B}31m", #"\u{9B}31m"#), ("\u{0}\u{7F}", #"\u{0}\u{7F}"#),
        ("a\u{2028}b", #"a\u{2028}b"#), ("\u{202E}drawkcab", #"\u{202E}drawkcab"#),
        ("Grüße \u{1F600} \"'\\", "Grüße \u{1F600} \"'\\"),
    ])
    func controlCharactersAreWrittenOut(text: String, shown: String) throws {
        #expect(try line { $0.info("m", metadata: ["reason": "\(text)"]) } == "m reason=\(shown)")
        #expect(try line { $0.info("\(text)") } == "\(shown) ")
        #expect(
            try line { logger in
                logger[metadataKey: "node"] = "\(text)"
                logger.info("m")
            } == "m node=\(shown)")
    }

    @Test func whateverItStandsIn() throws {
        let list: Logger.Metadata.Value = ["a\nb", .dictionary(["k": "c\nd"]), .stringConvertible(Character("\n"))]
        let line = try line { $0.info("m", metadata: ["list": list]) }
        #expect(!line.contains { $0.isNewline })
        // A list shows its texts in quotation marks, and the escapes once more.
        #expect(line.contains(#"\nb"#) && line.contains(#"\nd"#))
    }
}
