public import NIOCore
public import SwitchboardProtocol

/// A viewer of a terminal, without I/O: what it has drawn and typed, and what it has to say to lose neither when the way to the
/// agent breaks, wherever that is.
///
/// Times are monotonic milliseconds. After each call the ``Action``s are carried out in their order.
public struct TerminalViewer: Sendable {
    public enum Action: Hashable, Sendable {
        case send(TerminalOrder.Action)
        /// Output, to be drawn as it is.
        case draw(ByteBuffer)
        /// What was drawn is no longer the beginning of what comes: clear the screen.
        case clear
        case note(Note)
        /// It is over.
        case end(Ending)
    }

    /// What a person should know.
    public enum Note: Hashable, Sendable {
        /// The terminal is here, for the first time or again.
        case attached(TerminalReport.Here)
        /// The client is not connected; it is looked for every second.
        case offline
        /// Nothing has answered for a while.
        case waiting
        case viewers(Int)
        case resized(columns: Int, rows: Int)
        /// The program that was viewed is gone, and another one is there. What was typed for the first and not taken is dropped.
        case replaced
    }

    public enum Ending: Hashable, Sendable {
        case ended(status: Int?, signal: Int?, reason: TerminalReport.Ending)
        case refused(code: String, message: String)
        /// The client was not there when it began.
        case offline
    }

    private enum Phase {
        /// There is no connection to a node.
        case cut
        /// The agent has to say where it is.
        case attaching
        case live
    }

    /// Bytes that may be under way to the agent.
    static let window: UInt64 = 16 << 10
    /// Bytes that may be typed and not taken; while there are more nothing should be typed.
    public static let maximumTyped: UInt64 = 64 << 10
    /// Bytes that are drawn before the agent is told.
    static let tookEvery: UInt64 = 16 << 10
    /// Between two orders to attach, while nothing answers and otherwise.
    static let retry: UInt64 = 1000
    static let renewal: UInt64 = 5000
    /// How long keys may be without an answer until they are looked after.
    static let patience: UInt64 = 1000
    static let silence: UInt64 = 3000

    private let terminal: String
    private let mode: TerminalOrder.Mode
    private let command: String?
    private var columns: Int
    private var rows: Int

    private var phase = Phase.cut
    /// The agent has answered at least once.
    private var hasBegun = false
    private var isOver = false
    /// Which program is viewed, see ``TerminalReport/Here/start``.
    private var start: UInt64?
    /// The place behind what is drawn; nil before anything is known.
    public private(set) var drawn: UInt64?
    private var told: UInt64 = 0
    /// What the agent has taken of what was typed; what follows it is in `waiting`, of which so much was sent.
    public private(set) var taken: UInt64 = 0
    private var sent: UInt64 = 0
    private var waiting = ByteBuffer()
    /// When something was sent last, or taken last.
    private var movedAt: UInt64 = 0
    private var attachedAt: UInt64 = 0
    /// Since when the agent has not answered; nil when it has.
    private var unansweredSince: UInt64?
    /// The earliest place that was asked for since the agent answered last.
    private var asked: UInt64?
    private var hasNoted = false

    public init(
        terminal: String, mode: TerminalOrder.Mode = .shared, command: String? = nil, columns: Int, rows: Int
    ) {
        self.terminal = terminal
        self.mode = mode
        self.command = command
        self.columns = Self.side(columns)
        self.rows = Self.side(rows)
    }

    private static func side(_ number: Int) -> Int { min(max(number, 1), TerminalOrder.maximumSide) }

    public var typed: UInt64 { taken + UInt64(waiting.readableBytes) }

    /// Whether more may be typed.
    public var takesKeys: Bool { mode == .shared && UInt64(waiting.readableBytes) < Self.maximumTyped }

    // MARK: The connection

    /// There is a connection to a node.
    public mutating func connected(now: UInt64) -> [Action] {
        guard !isOver else { return [] }
        unansweredSince = nil
        hasNoted = false
        return attach(now)
    }

    public mutating func disconnected() { phase = .cut }

    /// Asks where the terminal is, and has everything sent again that was not taken.
    private mutating func attach(_ now: UInt64) -> [Action] {
        phase = .attaching
        return [renew(now)]
    }

    private mutating func renew(_ now: UInt64) -> Action {
        attachedAt = now
        if unansweredSince == nil {
            unansweredSince = now
            asked = drawn
        }
        // For an agent that does not know this viewer its typing goes on with what waits: what was sent may never have come.
        return .send(
            .attach(
                .init(
                    terminal: terminal, mode: mode, columns: columns, rows: rows, from: drawn, typed: taken,
                    command: hasBegun ? nil : command)))
    }

    // MARK: The person

    public mutating func type(_ bytes: ByteBuffer, now: UInt64) -> [Action] {
        guard takesKeys, !isOver else { return [] }
        waiting.writeImmutableBuffer(bytes)
        return pump(now)
    }

    private mutating func pump(_ now: UInt64) -> [Action] {
        guard phase == .live else { return [] }
        var actions: [Action] = []
        while sent < typed, sent - taken < Self.window {
            let start = waiting.readerIndex + Int(sent - taken)
            let length = min(Int(typed - sent), TerminalOrder.maximumInputBytes)
            guard let piece = waiting.getSlice(at: start, length: length) else { break }
            actions.append(.send(.input(offset: sent, bytes: piece)))
            sent += UInt64(length)
            movedAt = now
        }
        return actions
    }

    /// The person's window has another size.
    public mutating func resize(columns: Int, rows: Int) -> [Action] {
        let (columns, rows) = (Self.side(columns), Self.side(rows))
        guard (columns, rows) != (self.columns, self.rows) else { return [] }
        (self.columns, self.rows) = (columns, rows)
        return phase == .live && mode == .shared ? [.send(.resize(columns: columns, rows: rows))] : []
    }

    // MARK: Time

    /// Time passes: called several times a second.
    public mutating func tick(now: UInt64) -> [Action] {
        guard !isOver, phase != .cut else { return [] }
        var actions: [Action] = []
        let isUnanswered = unansweredSince != nil
        if phase == .live, sent > taken, now >= movedAt + Self.patience, now >= attachedAt + Self.retry {
            actions += attach(now)
        } else if now >= attachedAt + (isUnanswered || phase == .attaching ? Self.retry : Self.renewal) {
            actions.append(renew(now))
        }
        if let since = unansweredSince, now >= since + Self.silence, !hasNoted {
            hasNoted = true
            actions.append(.note(.waiting))
        }
        if phase == .live, let drawn, drawn > told { actions.append(tell(drawn)) }
        return actions
    }

    private mutating func tell(_ place: UInt64) -> Action {
        told = place
        return .send(.took(offset: place))
    }

    // MARK: What comes

    /// The node says that the client is not connected.
    public mutating func wentOffline() -> [Action] {
        guard !isOver, phase != .cut else { return [] }
        guard hasBegun else { return end(.offline) }
        phase = .attaching
        // Somebody has answered, so that this is not silence.
        unansweredSince = nil
        defer { hasNoted = true }
        return hasNoted ? [] : [.note(.offline)]
    }

    /// The node refuses a frame of this viewer.
    public mutating func refused(code: String, message: String, now: UInt64) -> [Action] {
        guard !isOver else { return [] }
        switch code {
        case "not_attached": return phase == .live ? attach(now) : []
        // The way to the other nodes comes back.
        case "bus_unavailable", "overloaded", "rate_limited": return []
        default: return end(.refused(code: code, message: message))
        }
    }

    public mutating func received(_ event: TerminalReport.Event, now: UInt64) -> [Action] {
        guard !isOver, phase != .cut else { return [] }
        switch event {
        case .here(let here): return found(here, now)
        case .output(let offset, let bytes): return draw(offset, bytes, now)
        case .taken(let offset):
            take(upTo: offset, now)
            return pump(now)
        case .resized(let columns, let rows): return [.note(.resized(columns: columns, rows: rows))]
        case .viewers(let count): return [.note(.viewers(count))]
        case .ended(let status, let signal, let reason):
            return end(.ended(status: status, signal: signal, reason: reason))
        case .refused(let code, let message):
            if hasBegun, code == TerminalReport.Refusal.readOnly.rawValue { return [] }
            // Whoever types is told so only for keys: the agent has forgotten this viewer, which was silent for too long.
            if mode == .shared, code == TerminalReport.Refusal.noSuchTerminal.rawValue {
                return phase == .live ? attach(now) : []
            }
            return end(.refused(code: code, message: message))
        case .terminals: return []
        }
    }

    private mutating func found(_ here: TerminalReport.Here, _ now: UInt64) -> [Action] {
        var actions: [Action] = []
        let wasLost = phase == .attaching
        let isOther = isOther(here)
        start = here.start
        unansweredSince = nil
        // Behind what is drawn something is missing, or this is another program.
        let isElsewhere = drawn.map { here.from > $0 || isOther } ?? !here.isNew
        if isElsewhere { actions.append(.clear) }
        if isElsewhere || drawn == nil {
            drawn = here.from
            told = here.from
        }
        if isOther {
            // A command for one shell must not be run by another.
            waiting.clear()
            // What the agent says counts, even if it is less: it knows nothing of what the program before has taken.
            (taken, sent, movedAt) = (here.typed, here.typed, now)
            actions.append(.note(.replaced))
        } else {
            take(upTo: here.typed, now)
        }
        phase = .live
        if wasLost { sent = taken }
        if !hasBegun || hasNoted { actions.append(.note(.attached(here))) }
        hasNoted = false
        hasBegun = true
        if mode == .shared, (columns, rows) != (here.columns, here.rows), wasLost {
            actions.append(.send(.resize(columns: columns, rows: rows)))
        }
        return actions + pump(now)
    }

    /// Whether this is another program than the one that was viewed.
    private func isOther(_ here: TerminalReport.Here) -> Bool {
        guard hasBegun else { return false }
        if let known = start, let start = here.start { return known != start }
        // An agent that does not say: a program that has less output than was asked for is another one.
        return here.isNew || here.from < asked ?? 0
    }

    private mutating func draw(_ offset: UInt64, _ bytes: ByteBuffer, _ now: UInt64) -> [Action] {
        guard phase == .live, let drawn else { return [] }
        guard offset <= drawn else { return attach(now) }
        let known = Int(drawn - offset)
        guard known < bytes.readableBytes else { return [] }
        var rest = bytes
        rest.moveReaderIndex(forwardBy: known)
        let place = drawn + UInt64(rest.readableBytes)
        self.drawn = place
        return [.draw(rest)] + (place - told >= Self.tookEvery ? [tell(place)] : [])
    }

    private mutating func take(upTo offset: UInt64, _ now: UInt64) {
        // More than was typed was typed under this name before.
        guard offset > taken else { return }
        let count = min(Int(clamping: offset - taken), waiting.readableBytes)
        waiting.moveReaderIndex(forwardBy: count)
        waiting.discardReadBytes()
        taken = offset
        sent = max(sent, taken)
        movedAt = now
    }

    private mutating func end(_ ending: Ending) -> [Action] {
        isOver = true
        return [.end(ending)]
    }
}
