import NIOCore
import SwitchboardProtocol

/// What one terminal has put out and who has seen how much of it: places in the output, credit of viewers, what they typed.
///
/// Without I/O and clocks, so that every case can be tested.
struct TerminalLedger {
    struct Viewer: Equatable {
        var mode: TerminalOrder.Mode
        /// It has drawn the output up to here.
        var took: UInt64
        /// It was sent the output up to here.
        var sent: UInt64
        /// So many bytes that it typed are taken.
        var typed: UInt64
        var renewedAt: NIODeadline
        /// It has drawn something, or said where it is.
        var hasAnswered = false
        /// It has to be told where its output goes on.
        var isMoved = false
        /// What was sent to it may be lost: it has to say first where it is.
        var isLost = false
        /// The program may be kept waiting for it.
        var mayHold = true
        /// It knows that the terminal is over.
        var knowsEnd = false
    }

    struct Limits {
        /// Bytes of output that are kept.
        var kept = 256 << 10
        /// Bytes that a viewer is sent beyond what it has drawn.
        var window = 128 << 10
        /// Bytes of old output for who comes new, or was too slow.
        var fresh = 32 << 10
        var viewers = TerminalPolicy.maximumViewers
        /// Viewers that went and may come again, whose typing is remembered.
        var remembered = 64
        /// The longest time that the program waits for viewers.
        var patience = TimeAmount.milliseconds(2000)
        /// It waits only for those that were heard within this time.
        var attention = TimeAmount.milliseconds(15_000)
        /// Viewers that were not heard for so long are gone.
        var absence = TimeAmount.milliseconds(20_000)
    }

    let limits: Limits
    /// Where the output began.
    let start: UInt64
    /// Where the output ends.
    private(set) var written: UInt64
    private(set) var viewers: [String: Viewer] = [:]
    /// The last time that somebody viewed or typed.
    private(set) var usedAt: NIODeadline
    /// Since when the program has to wait for a viewer.
    private(set) var heldSince: NIODeadline?
    private var output = ByteBuffer()
    /// What those had typed that are gone, oldest first.
    private var gone: [(viewer: String, typed: UInt64)] = []

    /// - Parameter base: Where the output begins. A higher one than that of any terminal before, so that no place in that one's
    ///   output is one in this one's.
    init(base: UInt64, now: NIODeadline, limits: Limits = Limits()) {
        self.limits = limits
        start = base
        written = base
        usedAt = now
    }

    /// Where the output begins that is kept.
    var kept: UInt64 { written - UInt64(output.readableBytes) }

    /// Where output goes on for who cannot have all of it.
    private var freshStart: UInt64 { written - UInt64(min(output.readableBytes, limits.fresh)) }

    // MARK: output

    mutating func append(_ bytes: ByteBuffer) {
        output.writeImmutableBuffer(bytes)
        written += UInt64(bytes.readableBytes)
        output.moveReaderIndex(forwardBy: max(output.readableBytes - limits.kept, 0))
        if output.readerIndex > limits.kept { output.discardReadBytes() }
    }

    enum Part: Equatable {
        /// The viewer goes on elsewhere, and has to be told.
        case moved
        case output(offset: UInt64, bytes: ByteBuffer)
    }

    /// What a viewer is to be sent now; nil when there is nothing, or it has no credit.
    mutating func next(for name: String) -> Part? {
        guard var viewer = viewers[name], !viewer.isLost else { return nil }
        defer { viewers[name] = viewer }
        if viewer.sent < kept { move(&viewer) }
        if viewer.isMoved {
            viewer.isMoved = false
            return .moved
        }
        let end = min(written, viewer.took + UInt64(limits.window))
        guard viewer.sent < end else { return nil }
        let count = min(Int(end - viewer.sent), TerminalReport.maximumOutputBytes)
        let index = output.readerIndex + Int(viewer.sent - kept)
        guard let bytes = output.getSlice(at: index, length: count) else { return nil }
        defer { viewer.sent += UInt64(count) }
        return .output(offset: viewer.sent, bytes: bytes)
    }

    private func move(_ viewer: inout Viewer) {
        viewer.took = freshStart
        viewer.sent = freshStart
        viewer.isMoved = true
        viewer.mayHold = false
    }

    /// Whether the program may go on. When it has waited long enough, those that it waited for miss some of its output.
    mutating func mayRead(_ now: NIODeadline) -> Bool {
        let slow = viewers.filter { _, viewer in
            viewer.mayHold && written - viewer.took >= UInt64(limits.window)
                && now - viewer.renewedAt <= limits.attention
        }
        guard !slow.isEmpty else {
            heldSince = nil
            return true
        }
        guard let heldSince else {
            heldSince = now
            return false
        }
        guard now - heldSince >= limits.patience else { return false }
        for (name, viewer) in slow {
            var viewer = viewer
            move(&viewer)
            viewers[name] = viewer
        }
        self.heldSince = nil
        return true
    }

    // MARK: viewers

    enum Arrival: Equatable {
        case new, known, full
    }

    /// A viewer has come, or says that it lives and where it is.
    mutating func attach(_ name: String, _ attach: TerminalOrder.Attach, _ now: NIODeadline) -> Arrival {
        var viewer: Viewer
        let isKnown: Bool
        if let known = viewers[name] {
            (viewer, isKnown) = (known, true)
        } else {
            guard viewers.count < limits.viewers else { return .full }
            let typed = gone.first { $0.viewer == name }?.typed ?? attach.typed
            gone.removeAll { $0.viewer == name }
            viewer = Viewer(mode: attach.mode, took: written, sent: written, typed: typed, renewedAt: now)
            isKnown = false
        }
        viewer.mode = attach.mode
        viewer.renewedAt = now
        if attach.from != nil { viewer.hasAnswered = true }
        // What it was sent beyond the place it names may be lost with a connection on the way.
        if let from = attach.from, from >= kept, from <= written {
            if from > viewer.took { viewer.mayHold = true }
            viewer.took = from
        } else {
            viewer.took = freshStart
        }
        viewer.sent = viewer.took
        viewer.isMoved = false
        viewer.isLost = false
        viewer.knowsEnd = false
        viewers[name] = viewer
        usedAt = now
        return isKnown ? .known : .new
    }

    mutating func took(_ name: String, _ offset: UInt64, _ now: NIODeadline) {
        guard var viewer = viewers[name] else { return }
        viewer.renewedAt = now
        // A late word from before it was moved counts for nothing.
        if offset > viewer.took, offset <= viewer.sent {
            viewer.took = offset
            viewer.mayHold = true
            viewer.hasAnswered = true
        }
        viewers[name] = viewer
    }

    /// The viewer was heard.
    mutating func renew(_ name: String, _ now: NIODeadline) {
        viewers[name]?.renewedAt = now
    }

    /// - Returns: Whether it was there.
    mutating func remove(_ name: String, _ now: NIODeadline) -> Bool {
        guard let viewer = viewers.removeValue(forKey: name) else { return false }
        if gone.count >= limits.remembered { gone.removeFirst() }
        gone.append((name, viewer.typed))
        usedAt = now
        return true
    }

    /// - Returns: The viewers that are gone.
    mutating func expire(_ now: NIODeadline) -> [String] {
        let absent = viewers.filter { now - $0.value.renewedAt >= limits.absence }.keys.sorted()
        for name in absent { _ = remove(name, now) }
        return absent
    }

    /// The link has ended: what is under way may not arrive.
    mutating func linkEnded() {
        for name in viewers.keys { viewers[name]?.isLost = true }
    }

    /// The viewer has all there is and may be told that the terminal is over; true only once.
    mutating func hasToKnowEnd(_ name: String) -> Bool {
        guard var viewer = viewers[name], !viewer.knowsEnd, !viewer.isLost, viewer.sent == written else { return false }
        viewer.knowsEnd = true
        viewers[name] = viewer
        return true
    }

    /// Nobody has viewed it or typed for so long.
    func isIdle(for time: TimeAmount, _ now: NIODeadline) -> Bool {
        viewers.isEmpty && now - usedAt >= time
    }

    // MARK: input

    enum Input: Equatable {
        /// These bytes are new; together with what came before, so many are taken then.
        case take(bytes: ByteBuffer, taken: UInt64)
        /// All of it was taken before.
        case repeated(taken: UInt64)
        /// Something before it is missing, or there is no room: it has to come again.
        case ignored
        case readOnly
        case unknown
    }

    /// A viewer has typed.
    ///
    /// - Parameter room: So many bytes can be taken.
    mutating func input(
        _ name: String, offset: UInt64, bytes: ByteBuffer, room: Int, _ now: NIODeadline
    ) -> Input {
        guard var viewer = viewers[name] else { return .unknown }
        viewer.renewedAt = now
        defer { viewers[name] = viewer }
        guard viewer.mode == .shared else { return .readOnly }
        guard offset <= viewer.typed else { return .ignored }
        let known = viewer.typed - offset
        guard known < bytes.readableBytes else { return .repeated(taken: viewer.typed) }
        let count = min(bytes.readableBytes - Int(known), room)
        guard count > 0, let fresh = bytes.getSlice(at: bytes.readerIndex + Int(known), length: count) else {
            return .ignored
        }
        viewer.typed += UInt64(count)
        usedAt = now
        return .take(bytes: fresh, taken: viewer.typed)
    }
}
