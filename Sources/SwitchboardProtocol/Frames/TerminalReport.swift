public import NIOCore

/// What an agent tells a viewer of a terminal: the frame `terminal` from an agent to its node, and from a node to an operator.
public struct TerminalReport: Hashable, Sendable {
    /// Whom it is for, as the viewer named itself.
    public var viewer: String
    public var event: Event

    public enum Event: Hashable, Sendable {
        /// The answer to ``TerminalOrder/Action/attach(_:)``; also sent unasked to a viewer that fell too far behind.
        case here(Here)
        /// Output; `offset` is where it begins, counted in bytes from a number that is higher for each new terminal.
        case output(offset: UInt64, bytes: ByteBuffer)
        /// The agent has taken what the viewer typed up to this offset.
        case taken(offset: UInt64)
        /// The terminal has another size now.
        case resized(columns: Int, rows: Int)
        /// So many view the terminal.
        case viewers(Int)
        /// The terminal is over: the program's exit status or the signal that ended it, as far as it is known.
        case ended(status: Int?, signal: Int?, reason: Ending)
        /// The order was not carried out; `code` is one of ``Refusal`` or a node's own.
        case refused(code: String, message: String)
        /// The answer to ``TerminalOrder/Action/list``.
        case terminals([Terminal])
    }

    /// Why a terminal is over.
    public enum Ending: String, Hashable, Sendable {
        case exited, idle, closed
        case agentStopped = "agent_stopped"
    }

    /// Why an agent does not carry an order out.
    public enum Refusal: String, Hashable, Sendable, CaseIterable {
        case terminalNotAllowed = "terminal_not_allowed"
        case commandNotAllowed = "command_not_allowed"
        case tooManyTerminals = "too_many_terminals"
        case tooManyViewers = "too_many_viewers"
        case noSuchTerminal = "no_such_terminal"
        case readOnly = "read_only"
        case cannotStart = "cannot_start"
    }

    /// A terminal as the viewer finds it.
    public struct Here: Hashable, Sendable {
        public var terminal: String
        public var columns: Int
        public var rows: Int
        /// Where the output begins that follows. When that is behind what the viewer has, output is missing, or the terminal
        /// is another one: the screen has to be cleared before.
        public var from: UInt64
        /// What the viewer has typed is taken up to here: the rest has to be sent again.
        public var typed: UInt64
        /// The program with its arguments.
        public var command: String
        /// This order made the terminal.
        public var isNew: Bool
        /// How many view it, this one included.
        public var viewers: Int
        /// Where the output of the program began, which is nowhere that another's did: who knows a different one has another
        /// program before it now. nil from agents that do not say.
        public var start: UInt64?

        public init(
            terminal: String, columns: Int, rows: Int, from: UInt64, typed: UInt64, command: String, isNew: Bool,
            viewers: Int, start: UInt64? = nil
        ) {
            self.terminal = terminal
            self.columns = columns
            self.rows = rows
            self.from = from
            self.typed = typed
            self.command = command
            self.isNew = isNew
            self.viewers = viewers
            self.start = start
        }
    }

    /// A terminal in a list.
    public struct Terminal: Hashable, Sendable {
        public var terminal: String
        public var command: String
        public var columns: Int
        public var rows: Int
        public var viewers: Int
        /// When it began, in milliseconds since 1970.
        public var since: Int

        public init(terminal: String, command: String, columns: Int, rows: Int, viewers: Int, since: Int) {
            self.terminal = terminal
            self.command = command
            self.columns = columns
            self.rows = rows
            self.viewers = viewers
            self.since = since
        }
    }

    public init(viewer: String, event: Event) {
        self.viewer = viewer
        self.event = event
    }

    /// The most bytes of one ``Event/output(offset:bytes:)``.
    public static let maximumOutputBytes = 16 << 10
    /// The longest list of terminals.
    public static let maximumTerminals = 64
}

extension TerminalReport {
    /// Writes the frame's JSON text.
    public func write(into buffer: inout ByteBuffer) {
        var json = JSONObjectWriter(taking: &buffer)
        write(to: &json)
        buffer = json.finish()
    }

    func write(to json: inout JSONObjectWriter) {
        json.string("type", "terminal")
        json.string("viewer", viewer)
        switch event {
        case .here(let here):
            json.string("op", "here")
            json.string("terminal", here.terminal)
            json.integer("columns", here.columns)
            json.integer("rows", here.rows)
            json.place("from", here.from)
            json.place("typed", here.typed)
            json.string("command", here.command)
            json.boolean("isNew", here.isNew)
            json.integer("viewers", here.viewers)
            if let start = here.start { json.place("start", start) }
        case .output(let offset, let bytes):
            json.string("op", "output")
            json.place("offset", offset)
            json.payload(Payload(format: .binary, bytes: bytes))
        case .taken(let offset):
            json.string("op", "taken")
            json.place("offset", offset)
        case .resized(let columns, let rows):
            json.string("op", "resized")
            json.integer("columns", columns)
            json.integer("rows", rows)
        case .viewers(let count):
            json.string("op", "viewers")
            json.integer("viewers", count)
        case .ended(let status, let signal, let reason):
            json.string("op", "ended")
            if let status { json.integer("status", status) }
            if let signal { json.integer("signal", signal) }
            json.string("reason", reason.rawValue)
        case .refused(let code, let message):
            json.string("op", "refused")
            json.string("code", code)
            json.string("message", message)
        case .terminals(let terminals):
            json.string("op", "terminals")
            json.list("terminals", terminals) { json, terminal in
                json.string("terminal", terminal.terminal)
                json.string("command", terminal.command)
                json.integer("columns", terminal.columns)
                json.integer("rows", terminal.rows)
                json.integer("viewers", terminal.viewers)
                json.integer("since", terminal.since)
            }
        }
    }

    /// Reads a frame.
    ///
    /// - Throws: ``FrameError`` when it is none, or lacks what it must have.
    public init(parsing text: ByteBuffer) throws(FrameError) {
        let reader = try FrameReader(text)
        guard reader.type == "terminal" else { throw FrameError.invalidField("type") }
        try self.init(reader)
    }

    init(_ reader: FrameReader) throws(FrameError) {
        viewer = try reader.viewer()
        switch try reader.key("op") {
        case "here": event = .here(try Here(reader))
        case "output":
            event = .output(
                offset: try reader.count("offset"), bytes: try reader.bytes(atMost: Self.maximumOutputBytes))
        case "taken": event = .taken(offset: try reader.count("offset"))
        case "resized": event = .resized(columns: try reader.side("columns"), rows: try reader.side("rows"))
        case "viewers": event = .viewers(try reader.small("viewers"))
        case "ended":
            guard let reason = Ending(rawValue: try reader.key("reason")) else {
                throw FrameError.invalidField("reason")
            }
            event = .ended(
                status: try reader.optionalSmall("status"), signal: try reader.optionalSmall("signal"), reason: reason)
        case "refused":
            event = .refused(
                code: try reader.key("code"), message: try reader.shortString("message"))
        case "terminals":
            event = .terminals(
                try reader.list("terminals", limit: Self.maximumTerminals) { entry throws(FrameError) in
                    Terminal(
                        terminal: try entry.terminalName(), command: try entry.shortString("command"),
                        columns: try entry.side("columns"), rows: try entry.side("rows"),
                        viewers: try entry.small("viewers"), since: Int(clamping: try entry.count("since")))
                })
        default: throw FrameError.invalidField("op")
        }
    }
}

extension TerminalReport.Here {
    fileprivate init(_ reader: FrameReader) throws(FrameError) {
        self.init(
            terminal: try reader.terminalName(), columns: try reader.side("columns"), rows: try reader.side("rows"),
            from: try reader.count("from"), typed: try reader.count("typed"),
            command: try reader.shortString("command"), isNew: try reader.optionalBoolean("isNew") ?? false,
            viewers: try reader.small("viewers"), start: try reader.optionalCount("start"))
    }
}

extension FrameReader {
    /// A text that is shown or logged.
    fileprivate func shortString(_ name: String) throws(FrameError) -> String {
        guard let text = try optionalString(name, atMost: TerminalOrder.maximumCommandBytes) else {
            throw FrameError.invalidField(name)
        }
        return text
    }

    /// A count of viewers, an exit status, a signal.
    fileprivate func small(_ name: String) throws(FrameError) -> Int {
        let number = try integer(name)
        guard (0...65_535).contains(number) else { throw FrameError.invalidField(name) }
        return number
    }

    fileprivate func optionalSmall(_ name: String) throws(FrameError) -> Int? {
        isMissing(name) ? nil : try small(name)
    }
}
