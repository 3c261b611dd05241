import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardWebSocket
import Synchronization

/// A push with its WebSocket frames, each built once on this node, when first needed, and shared by all receivers.
final class PreparedPush: Sendable {
    let push: BusPush
    private let frames = Mutex<(raw: ByteBuffer?, framed: ByteBuffer?)>((nil, nil))

    init(_ push: BusPush) { self.push = push }

    /// The payload verbatim.
    var raw: ByteBuffer {
        frames.withLock { frames in
            if let raw = frames.raw { return raw }
            let raw = FrameBuilder.raw(push.payload)
            frames.raw = raw
            return raw
        }
    }

    /// The `push` frame of `switchboard.v1`.
    var framed: ByteBuffer {
        frames.withLock { frames in
            if let framed = frames.framed { return framed }
            let framed = Self.framed(push)
            frames.framed = framed
            return framed
        }
    }
}

extension PreparedPush {
    static func framed(_ push: BusPush) -> ByteBuffer {
        FrameBuilder.framed(
            .push(
                ServerFrame.Push(
                    id: push.id.rawValue, channel: push.target.channel, payload: push.payload,
                    offset: push.durable?.place?.text, wantsAck: push.wantsConfirmation, trace: push.trace)))
    }
}

extension BusPush {
    /// A backend waits, and no ack of a mailbox will say that the push was received.
    var wantsConfirmation: Bool { waits && (durable?.place == nil || durable?.place?.epoch != nil) }
}

/// What a shard did with a push.
struct PushOutcome: Hashable, Sendable {
    var matched = 0
    var delivered = 0
    var dropped = 0

    mutating func count(_ outcome: Session.Handover) {
        switch outcome {
        case .delivered:
            matched += 1
            delivered += 1
        case .dropped:
            matched += 1
            dropped += 1
        case .gone: break
        }
    }
}

extension PushOutcome {
    /// One session, and what became of the push there.
    init(_ handover: Session.Handover) {
        self.init()
        count(handover)
    }
}

/// Adds up what the shards of this node did with a push, and then gives the receipt.
final class ReceiptCollector: Sendable {
    private let state: Mutex<(pending: Int, sum: PushOutcome)>
    private let completion: @Sendable (PushOutcome) -> Void

    /// - Parameters:
    ///   - shards: How many will report.
    ///   - completion: Called once, on the loop of the last.
    init(shards: Int, completion: @escaping @Sendable (PushOutcome) -> Void) {
        state = Mutex((shards, PushOutcome()))
        self.completion = completion
    }

    func add(_ outcome: PushOutcome) {
        let done: PushOutcome? = state.withLock { state in
            state.sum.matched += outcome.matched
            state.sum.delivered += outcome.delivered
            state.sum.dropped += outcome.dropped
            state.pending -= 1
            return state.pending == 0 ? state.sum : nil
        }
        if let done { completion(done) }
    }
}
