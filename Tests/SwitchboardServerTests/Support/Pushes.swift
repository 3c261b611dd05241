import NIOCore
import NIOEmbedded
import SwitchboardProtocol

@testable import SwitchboardCore
@testable import SwitchboardServer

/// A durable push as it comes over the bus; its place is `sequence` milliseconds, behind the one before.
///
/// - Parameter epoch: Of the history; nil for a place in a mailbox.
func kept(_ sequence: UInt64, to target: Target = .all, epoch: String? = "e") -> BusPush {
    let place = BusPush.Place(
        offset: StreamOffset(milliseconds: sequence, sequence: 0),
        previous: StreamOffset(milliseconds: sequence - 1, sequence: 0), epoch: epoch)
    return BusPush(
        id: PushID(unchecked: "\(target.channel)-\(sequence)"), target: target,
        payload: Payload(format: .json, bytes: ByteBuffer(string: "\(sequence)")),
        durable: BusPush.Durable(expiresAt: .max, place: place))
}

func text(_ text: String) -> Payload { Payload(format: .text, bytes: ByteBuffer(string: text)) }

func historyOffset(_ sequence: UInt64, epoch: String = "e") -> HistoryOffset {
    HistoryOffset(epoch: epoch, offset: StreamOffset(milliseconds: sequence, sequence: 0))
}

extension TestNode {
    /// Pushes durably, and lets the loop run until nothing more happens.
    ///
    /// - Parameter waits: Whether the answer waits for acks.
    /// - Returns: The answer, when it comes.
    @discardableResult
    func push(_ id: String, to target: Target, waits: Bool = false) -> Box<Result<PushReport, PushFailure>> {
        let answers = Box<Result<PushReport, PushFailure>>()
        let options = PushOrder.Options(
            keeping: PushOrder.Keeping(), id: PushID(unchecked: id), wait: waits ? 60 : nil)
        let payload = Payload(format: .json, bytes: ByteBuffer(string: "1"))
        node.delivery.push(PushOrder(target: target, payload: payload, options: options)) { answers.add($1) }
        loop.run()
        return answers
    }
}
