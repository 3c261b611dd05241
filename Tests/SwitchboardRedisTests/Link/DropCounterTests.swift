import Logging
import NIOCore
import Testing

@testable import SwitchboardRedis

struct DropCounterTests {
    @Test func countsAllAndLogsOnceAMinute() {
        let log = LogLines()
        let drops = DropCounter(logger: log.logger)
        let start = NIODeadline.now()
        for second in 0..<150 { drops.count("bad \(second)", now: start + .seconds(Int64(second))) }
        #expect(drops.total == 150)
        #expect(
            log.warnings.map(\.metadata) == [
                ["count": "1", "last": "bad 0"], ["count": "60", "last": "bad 60"], ["count": "60", "last": "bad 120"],
            ])
    }
}
