import Foundation
import Logging
import Testing

@testable import SwitchboardServer

@Suite struct JSONLogHandlerTests {
    private func lines(_ body: (inout Logger) -> Void) -> [String] {
        let lines = Box<String>()
        var logger = Logger(label: "test") { _ in
            JSONLogHandler { line in lines.add(String(decoding: line, as: UTF8.self)) }
        }
        body(&logger)
        return lines.list
    }

    @Test func everyEventIsOneLineOfJSON() throws {
        let lines = lines { logger in
            logger[metadataKey: "node"] = "n1"
            logger.info("two\nlines \"quoted\"", metadata: ["client": "k", "list": ["a", "b"], "map": ["x": "1"]])
        }
        #expect(lines.count == 1)
        let line = try #require(lines.first)
        #expect(line.hasSuffix("}\n") && line.dropLast().allSatisfy { !$0.isNewline })
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["message"] as? String == "two\nlines \"quoted\"")
        #expect(object["level"] as? String == "info")
        #expect(object["node"] as? String == "n1")
        #expect(object["client"] as? String == "k")
        #expect(object["list"] as? String == "a, b")
        #expect(object["map"] as? [String: String] == ["x": "1"])
        let time = try #require(object["time"] as? String)
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        #expect(abs(try style.parse(time).timeIntervalSinceNow) < 60)
    }

    @Test func metadataDoesNotHideWhatEveryLineHas() throws {
        let line = try #require(lines { $0.warning("m", metadata: ["level": "mine", "time": "never"]) }.first)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["level"] as? String == "warning")
        #expect(object["level_"] as? String == "mine")
        #expect(object["time"] as? String != "never")
    }

    @Test func whatIsBelowTheLevelIsLeftOut() {
        #expect(lines { $0.debug("m") }.isEmpty)
        let verbose = lines { logger in
            logger.logLevel = .debug
            logger.debug("m")
        }
        #expect(verbose.count == 1)
    }
}
