import NIOCore
import SwitchboardProtocol

@testable import SwitchboardCore

/// What anybody may publish on the bus: read or refused, within the limits, the same on both ways of reading, and sent on as
/// it was read.
enum BusTarget {
    static let newID = PushID(unchecked: "new")

    static func check(_ input: UnsafeRawBufferPointer) {
        let bytes = ByteBuffer(bytes: input)
        let general = try? BusCodec.decodeAny(bytes, newID: { newID })
        if let plain = PlainLine.read(bytes) {
            expect(plain == general, "the short way reads what the general way reads")
        }
        guard let general else { return }
        isWithinLimits(general)
        travels(general)
    }

    /// A message that was read or made here is read by other nodes as it is.
    static func travels(_ message: BusMessage) {
        let wire = BusCodec.encode(message)
        expect(wire == BusCodec.encodeAny(message), "both ways write the same bytes")
        do throws(BusCodec.Failure) {
            let again = try BusCodec.decode(wire, newID: { newID })
            expect(again == message, "a message is read as it was written")
            expect(BusCodec.encode(again) == wire, "a message has one spelling")
        } catch { violated("what was written can be read: \(error)") }
    }

    private static func isWithinLimits(_ message: BusMessage) {
        switch message {
        case .push(let push):
            switch push.target {
            case .clients(let clients):
                expect((1...Target.maximumClients).contains(clients.count), "a push names so many clients at most")
                expect(Set(clients).count == clients.count, "no client is named twice")
            case .labels(let labels):
                expect((1...Target.maximumLabels).contains(labels.count), "a push asks for so many labels at most")
            case .client, .group, .all: break
            }
            expect(push.microseconds < 1000, "a millisecond has a thousand microseconds")
        case .command(let command):
            expect((0...BusCommand.maximumTimeout).contains(command.timeout), "a timer can hold the timeout")
        case .watch(let watch):
            expect(watch.types.count <= Watch.maximumTypes, "a watch names so many types at most")
            expect((0...Watch.maximumLease).contains(watch.lease), "a lease has an end")
        default: break
        }
    }
}
