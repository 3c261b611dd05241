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
        let compressor = MessageCompressor()
        #expect(push.frame(.raw, by: compressor) == FrameBuilder.raw(payload))
        let frame = ServerFrame.push(.init(id: "p", channel: "group:g", payload: payload))
        #expect(push.frame(.framed, by: compressor) == FrameBuilder.framed(frame))
        for form in FrameForm.all {
            #expect(address(push.frame(form, by: compressor)) == address(push.frame(form, by: compressor)))
        }
    }

    private func address(_ frame: ByteBuffer) -> UnsafeRawPointer? {
        frame.withUnsafeReadableBytes { $0.baseAddress.map { UnsafeRawPointer($0) } }
    }

    /// However many loops there are.
    @Test func aPushIsCompressedOnceOnANode() {
        let payload = Payload(
            format: .json, bytes: ByteBuffer(string: "[" + String(repeating: "1, ", count: 3000) + "1]"))
        let push = PreparedPush(BusPush(id: PushID(unchecked: "p"), target: .all, payload: payload))
        for form in FrameForm.all {
            let frame = push.frame(form, by: MessageCompressor())
            #expect((frame.readableBytes < 1000) == (form.window != nil))
            #expect(address(frame) == address(push.frame(form, by: MessageCompressor())))
        }
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
