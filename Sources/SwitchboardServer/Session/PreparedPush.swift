import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import SwitchboardWebSocket
import Synchronization

/// A push with its WebSocket frames, each built and compressed once on this node, when first needed, and shared by all
/// receivers.
final class PreparedPush: Sendable {
    let push: BusPush
    private let frames = Mutex<(raw: SharedFrames?, framed: SharedFrames?)>((nil, nil))

    init(_ push: BusPush) { self.push = push }

    /// The frame for sessions of this form: the payload verbatim, or the `push` frame of `switchboard.v1`.
    ///
    /// - Parameter compressor: That of the event loop.
    func frame(_ form: FrameForm, by compressor: MessageCompressor) -> ByteBuffer {
        frames.withLock { frames in
            switch form.mode {
            case .raw: Self.frame(form.window, of: &frames.raw, compressor) { SharedFrames(raw: push.payload) }
            case .framed: Self.frame(form.window, of: &frames.framed, compressor) { SharedFrames(framed: push.frame) }
            }
        }
    }

    private static func frame(
        _ window: DeflateWindow?, of frames: inout SharedFrames?, _ compressor: MessageCompressor,
        orOf make: () -> SharedFrames
    ) -> ByteBuffer {
        if let frame = frames?.frame(for: window, by: compressor) { return frame }
        var made = make()
        let frame = made.frame(for: window, by: compressor)
        frames = made
        return frame
    }
}

extension BusPush {
    /// What framed clients are sent.
    var frame: ServerFrame {
        .push(
            ServerFrame.Push(
                id: id.rawValue, channel: target.channel, payload: payload, offset: durable?.place?.text,
                wantsAck: wantsConfirmation, trace: trace, from: from))
    }

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
