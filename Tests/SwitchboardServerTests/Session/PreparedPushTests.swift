import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardWebSocket
import Synchronization
import Testing

@testable import SwitchboardServer

@Suite struct PreparedPushTests {
    @Test func theFramesAreBuiltOnceAndSayThePush() throws {
        let payload = Payload(format: .json, bytes: ByteBuffer(string: "{\"a\" : 1.0}"))
        let push = PreparedPush(BusPush(id: PushID(unchecked: "p"), target: .group(group("g")), payload: payload))
        #expect(push.raw == FrameBuilder.raw(payload))
        let frame = ServerFrame.push(.init(id: "p", channel: "group:g", payload: payload))
        #expect(push.framed == FrameBuilder.framed(frame))
        let address = { (frame: ByteBuffer) in frame.withUnsafeReadableBytes { $0.baseAddress } }
        #expect(address(push.raw) == address(push.raw))
        #expect(address(push.framed) == address(push.framed))
    }

    @Test func aCollectorSpeaksOnceWhenTheLastShardHasReported() {
        let outcomes = Mutex<[PushOutcome]>([])
        let collector = ReceiptCollector(shards: 3) { outcome in outcomes.withLock { $0.append(outcome) } }
        collector.add(PushOutcome(matched: 3, delivered: 2, dropped: 1))
        collector.add(PushOutcome())
        #expect(outcomes.withLock { $0.isEmpty })
        collector.add(PushOutcome(matched: 4, delivered: 4, dropped: 0))
        #expect(outcomes.withLock { $0 } == [PushOutcome(matched: 7, delivered: 6, dropped: 1)])
    }

    @Test func shardsMayReportAtTheSameTime() async {
        let outcomes = Mutex<[PushOutcome]>([])
        for _ in 0..<200 {
            let collector = ReceiptCollector(shards: 8) { outcome in outcomes.withLock { $0.append(outcome) } }
            await withTaskGroup(of: Void.self) { tasks in
                for _ in 0..<8 { tasks.addTask { collector.add(PushOutcome(matched: 1, delivered: 1, dropped: 0)) } }
            }
        }
        #expect(
            outcomes.withLock { $0 } == Array(repeating: PushOutcome(matched: 8, delivered: 8, dropped: 0), count: 200))
    }

    @Test func whatASessionDidIsCounted() {
        var outcome = PushOutcome()
        for handover in [Session.Handover.delivered, .dropped, .gone, .delivered] { outcome.count(handover) }
        #expect(outcome == PushOutcome(matched: 3, delivered: 2, dropped: 1))
    }
}
