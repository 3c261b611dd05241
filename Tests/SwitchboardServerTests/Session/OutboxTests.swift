import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardWebSocket
import Testing

@testable import SwitchboardServer

@Suite struct OutboxTests {
    private func push(_ text: String) -> PreparedPush {
        PreparedPush(
            BusPush(
                id: PushID(unchecked: text), target: .all,
                payload: Payload(format: .text, bytes: ByteBuffer(string: text))))
    }

    private let compressor = MessageCompressor()

    private func receivers(_ forms: FrameForm...) -> FormTally {
        var tally = FormTally()
        for form in forms { tally.add(1, form) }
        return tally
    }

    private func frame(_ push: PreparedPush, _ form: FrameForm) -> ByteBuffer { push.frame(form, by: compressor) }

    private func joined(_ frames: [ByteBuffer]) -> ByteBuffer {
        var bytes = ByteBuffer()
        for frame in frames { bytes.writeImmutableBuffer(frame) }
        return bytes
    }

    @Test func pushesToAllAreOneBatchInTheirOrder() throws {
        var outbox = Outbox()
        let pushes = ["one", "two", "three"].map(push)
        for push in pushes { outbox.addToAll(push, nil, receivers(.raw, .framed), by: compressor) }
        let batch = try #require(outbox.take().all)
        #expect(batch.pushes == 3)
        #expect(batch.bytes(.raw) == joined(pushes.map { frame($0, .raw) }))
        #expect(batch.bytes(.framed) == joined(pushes.map { frame($0, .framed) }))
        batch.withBytes { forms in
            #expect(Array(forms[0]) == Array(joined(pushes.map { frame($0, .raw) }).readableBytesView))
            #expect(Array(forms[1]) == Array(joined(pushes.map { frame($0, .framed) }).readableBytesView))
        }
    }

    @Test func nothingIsPreparedForAFormThatNobodyHas() throws {
        for form in FrameForm.all {
            var outbox = Outbox()
            outbox.addToAll(push("x"), nil, receivers(form), by: compressor)
            let batch = try #require(outbox.take().all)
            for other in FrameForm.all { #expect((batch.bytes(other) != nil) == (other == form)) }
            batch.withBytes { forms in
                for other in FrameForm.all { #expect(forms[other.index].isEmpty == (other != form)) }
            }
            #expect(batch.pushes == 1)
        }
    }

    @Test func eachFormHasItsOwnBytes() throws {
        let long = String(repeating: "a long text of few words ", count: 200)
        let pushes = [push(long), push("short"), push(long + "!")]
        let forms = [FrameForm.framed, FrameForm(.raw, .small), FrameForm(.raw, .standard), FrameForm(.framed, .small)]
        var outbox = Outbox()
        for push in pushes {
            outbox.addToAll(push, nil, forms.reduce(into: FormTally()) { $0.add(2, $1) }, by: compressor)
        }
        let batch = try #require(outbox.take().all)
        batch.withBytes { table in
            for form in FrameForm.all {
                let expected = forms.contains(form) ? joined(pushes.map { frame($0, form) }) : nil
                #expect(batch.bytes(form) == expected)
                #expect(Array(table[form.index]) == expected.map { Array($0.readableBytesView) } ?? [])
            }
        }
    }

    /// A broadcast costs its bytes once per node, not once per loop.
    @Test func aSinglePushSharesItsFrame() throws {
        var outbox = Outbox()
        let push = push("shared by all")
        outbox.addToAll(push, nil, receivers(.raw, .framed), by: compressor)
        let batch = try #require(outbox.take().all)
        for form in [FrameForm.raw, .framed] {
            let storage = try #require(batch.bytes(form)).withUnsafeReadableBytes { $0.baseAddress }
            #expect(storage == frame(push, form).withUnsafeReadableBytes { $0.baseAddress })
        }
    }

    /// The frame belongs to every loop: a batch may not write into it.
    @Test func aSecondPushLeavesTheFirstFrameAsItWas() throws {
        let (first, second) = (push("first"), push("second"))
        let before = joined([frame(first, .raw)])
        var outbox = Outbox()
        outbox.addToAll(first, nil, receivers(.raw), by: compressor)
        outbox.addToAll(second, nil, receivers(.raw), by: compressor)
        #expect(frame(first, .raw) == before)
        #expect(outbox.take().all?.bytes(.raw) == joined([before, frame(second, .raw)]))
    }

    @Test func everyGroupHasItsOwnBatch() {
        var outbox = Outbox()
        let (a, b) = (Group(group("a")), Group(group("b")))
        let pushes = ["1", "2", "3"].map(push)
        outbox.add(pushes[0], to: a, nil, receivers(.raw), by: compressor)
        outbox.add(pushes[1], to: b, nil, receivers(.raw), by: compressor)
        outbox.add(pushes[2], to: a, nil, receivers(.raw), by: compressor)
        let taken = outbox.take()
        #expect(taken.all == nil)
        #expect(taken.groups.count == 2)
        for (group, batch) in taken.groups {
            let expected = group === a ? [pushes[0], pushes[2]] : [pushes[1]]
            #expect(batch.pushes == expected.count)
            #expect(batch.bytes(.raw) == joined(expected.map { frame($0, .raw) }))
        }
    }

    @Test func takingLeavesNothing() throws {
        let test = TestNode()
        var outbox = Outbox()
        outbox.addToAll(push("x"), nil, receivers(.raw, .framed), by: compressor)
        outbox.add(push("x"), to: Group(group("a")), nil, receivers(.raw, .framed), by: compressor)
        outbox.select([try test.session()], push("x"), nil, leftOut: 0, isOrdered: false)
        let first = outbox.take()
        #expect(first.all != nil && first.groups.count == 1 && first.selections.count == 1)
        let second = outbox.take()
        #expect(second.all == nil && second.groups.isEmpty && second.selections.isEmpty)
    }

    @Test func theCollectorsStayWithTheirBatch() throws {
        var outbox = Outbox()
        let collectors = (0..<3).map { _ in ReceiptCollector(shards: 1) { _ in } }
        outbox.addToAll(push("1"), collectors[0], receivers(.raw), by: compressor)
        outbox.addToAll(push("2"), nil, receivers(.raw), by: compressor)
        outbox.addToAll(push("3"), collectors[1], receivers(.raw), by: compressor)
        outbox.add(push("4"), to: Group(group("a")), collectors[2], receivers(.raw), by: compressor)
        let taken = outbox.take()
        #expect(taken.all?.collectors.map(ObjectIdentifier.init) == collectors[..<2].map(ObjectIdentifier.init))
        #expect(taken.groups.first?.1.collectors.map(ObjectIdentifier.init) == [ObjectIdentifier(collectors[2])])
    }
}
