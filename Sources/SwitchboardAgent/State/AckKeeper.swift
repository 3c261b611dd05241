import NIOCore
import SwitchboardProtocol

/// The acknowledgements that have to be sent; a struct without I/O.
///
/// Those of the mailbox are cumulative: one frame stands for all pushes up to its offset, so several are held together as
/// long as more pushes wait for the handler, but at most ``most`` of them and for ``longest``.
struct AckKeeper {
    static let most = 64
    static let longest = TimeAmount.milliseconds(50)
    /// More single acknowledgements are not held for a link that takes nothing; the oldest are given up.
    static let idLimit = 1024

    private(set) var offset: String?
    private var count = 0
    private var firstAt: NIODeadline?
    private var ids: [String] = []

    /// A push was handled whose sender waits for it.
    mutating func handled(id: String) {
        if ids.count == Self.idLimit { ids.removeFirst() }
        ids.append(id)
    }

    /// A push of the mailbox was handled.
    mutating func handled(offset: String, _ now: NIODeadline) {
        self.offset = offset
        count += 1
        if firstAt == nil { firstAt = now }
    }

    /// When the frames are due; nil when there are none.
    ///
    /// - Parameter isIdle: No push waits for the handler.
    func due(isIdle: Bool, _ now: NIODeadline) -> NIODeadline? {
        if !ids.isEmpty { return now }
        guard let firstAt else { return nil }
        return isIdle || count >= Self.most ? now : firstAt + Self.longest
    }

    /// Everything that has to be sent, which is then no longer held.
    mutating func take() -> [ClientFrame] {
        defer { self = AckKeeper() }
        return ids.map { .received(id: $0) } + (offset.map { [.ack(offset: $0)] } ?? [])
    }
}
