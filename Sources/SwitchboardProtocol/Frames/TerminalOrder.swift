public import NIOCore

/// What a viewer of a terminal wants of the agent that owns it: the frame `terminal` from a node to an agent, and from an
/// operator to a node.
public struct TerminalOrder: Hashable, Sendable {
    /// Names the viewer for its whole life, at whatever node it is: 1-64 characters of `A-Z a-z 0-9 . _ : -`.
    public var viewer: String
    public var action: Action

    public enum Action: Hashable, Sendable {
        /// View a terminal, which is made when it is not there; repeated, it says that the viewer lives.
        case attach(Attach)
        /// Keys were typed; `offset` counts what this viewer typed before them, in bytes.
        case input(offset: UInt64, bytes: ByteBuffer)
        case resize(columns: Int, rows: Int)
        /// The viewer has drawn the output up to this offset.
        case took(offset: UInt64)
        /// The viewer goes; the terminal stays.
        case detach
        /// The terminal's program shall end.
        case end
        /// Asks which terminals there are.
        case list
    }

    /// What a viewer may do.
    public enum Mode: String, Hashable, Sendable {
        /// Types and resizes, as all other viewers of this mode.
        case shared
        /// Only sees, and makes no terminal.
        case readOnly
    }

    public struct Attach: Hashable, Sendable {
        /// 1-64 characters of `A-Z a-z 0-9 . _ -`.
        public var terminal: String
        public var mode: Mode
        public var columns: Int
        public var rows: Int
        /// How far the viewer has the output, as ``TerminalReport/Event/output(offset:bytes:)`` counts it; nil when it has none.
        public var from: UInt64?
        /// How many bytes the viewer has typed so far.
        public var typed: UInt64
        /// The program of a new terminal with its arguments; the agent's default when nil.
        public var command: String?
        /// Who looks, for the agent's log: empty in what an operator sends, the node knows it better.
        public var operatorName: String

        public init(
            terminal: String, mode: Mode = .shared, columns: Int = 80, rows: Int = 24, from: UInt64? = nil,
            typed: UInt64 = 0, command: String? = nil, operatorName: String = ""
        ) {
            self.terminal = terminal
            self.mode = mode
            self.columns = columns
            self.rows = rows
            self.from = from
            self.typed = typed
            self.command = command
            self.operatorName = operatorName
        }
    }

    public init(viewer: String, action: Action) {
        self.viewer = viewer
        self.action = action
    }

    /// The most bytes of one ``Action/input(offset:bytes:)``.
    public static let maximumInputBytes = 4096
    /// The most columns, and the most rows.
    public static let maximumSide = 1000
    /// The most bytes of a command.
    public static let maximumCommandBytes = 1024
    /// The most bytes of an operator's name.
    public static let maximumOperatorBytes = 256
    /// The most characters of a terminal's name and of a viewer's.
    public static let maximumNameLength = 64

    /// Whether a terminal can have this name.
    public static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= maximumNameLength
            && text.utf8.allSatisfy { $0 != UInt8(ascii: ":") && isViewerCharacter($0) }
    }

    /// Whether a viewer can have this name.
    public static func isViewer(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= maximumNameLength && text.utf8.allSatisfy(isViewerCharacter)
    }

    private static func isViewerCharacter(_ byte: UInt8) -> Bool {
        byte != UInt8(ascii: "@") && IdentifierAlphabet.contains(byte)
    }
}

extension TerminalOrder {
    /// Writes the frame's JSON text.
    public func write(into buffer: inout ByteBuffer) {
        var json = JSONObjectWriter(taking: &buffer)
        write(to: &json)
        buffer = json.finish()
    }

    func write(to json: inout JSONObjectWriter) {
        json.string("type", "terminal")
        json.string("viewer", viewer)
        switch action {
        case .attach(let attach):
            json.string("op", "attach")
            json.string("terminal", attach.terminal)
            json.string("mode", attach.mode.rawValue)
            json.integer("columns", attach.columns)
            json.integer("rows", attach.rows)
            if let from = attach.from { json.place("from", from) }
            json.place("typed", attach.typed)
            if let command = attach.command { json.string("command", command) }
            if !attach.operatorName.isEmpty { json.string("operator", attach.operatorName) }
        case .input(let offset, let bytes):
            json.string("op", "input")
            json.place("offset", offset)
            json.payload(Payload(format: .binary, bytes: bytes))
        case .resize(let columns, let rows):
            json.string("op", "resize")
            json.integer("columns", columns)
            json.integer("rows", rows)
        case .took(let offset):
            json.string("op", "took")
            json.place("offset", offset)
        case .detach: json.string("op", "detach")
        case .end: json.string("op", "end")
        case .list: json.string("op", "list")
        }
    }

    /// Reads a frame, an operator's as well; what else is in it is not looked at.
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
        case "attach": action = .attach(try Attach(reader))
        case "input":
            action = .input(
                offset: try reader.count("offset"), bytes: try reader.bytes(atMost: Self.maximumInputBytes))
        case "resize": action = .resize(columns: try reader.side("columns"), rows: try reader.side("rows"))
        case "took": action = .took(offset: try reader.count("offset"))
        case "detach": action = .detach
        case "end": action = .end
        case "list": action = .list
        default: throw FrameError.invalidField("op")
        }
    }
}

extension TerminalOrder.Attach {
    fileprivate init(_ reader: FrameReader) throws(FrameError) {
        guard let mode = TerminalOrder.Mode(rawValue: try reader.key("mode")) else {
            throw FrameError.invalidField("mode")
        }
        self.init(
            terminal: try reader.terminalName(), mode: mode, columns: try reader.side("columns"),
            rows: try reader.side("rows"), from: try reader.optionalCount("from"), typed: try reader.count("typed"),
            command: try reader.optionalString("command", atMost: TerminalOrder.maximumCommandBytes),
            operatorName: try reader.optionalString("operator", atMost: TerminalOrder.maximumOperatorBytes) ?? "")
    }
}

// What orders and reports have in common.
extension FrameReader {
    func viewer() throws(FrameError) -> String {
        let name = try key("viewer")
        guard TerminalOrder.isViewer(name) else { throw FrameError.invalidField("viewer") }
        return name
    }

    func terminalName() throws(FrameError) -> String {
        let name = try key("terminal")
        guard TerminalOrder.isName(name) else { throw FrameError.invalidField("terminal") }
        return name
    }

    /// Columns or rows.
    func side(_ name: String) throws(FrameError) -> Int {
        let number = try integer(name)
        guard (1...TerminalOrder.maximumSide).contains(number) else { throw FrameError.invalidField(name) }
        return number
    }

    func count(_ name: String) throws(FrameError) -> UInt64 {
        guard let number = UInt64(exactly: try integer(name)), number <= JSONObjectWriter.largestPlace else {
            throw FrameError.invalidField(name)
        }
        return number
    }

    func optionalCount(_ name: String) throws(FrameError) -> UInt64? {
        isMissing(name) ? nil : try count(name)
    }

    func optionalString(_ name: String, atMost limit: Int) throws(FrameError) -> String? {
        guard let text = try optionalString(name) else { return nil }
        guard text.utf8.count <= limit else { throw FrameError.invalidField(name) }
        return text
    }

    func bytes(atMost limit: Int) throws(FrameError) -> ByteBuffer {
        guard let bytes = Base64.decode(try string("base64")), bytes.readableBytes <= limit else {
            throw FrameError.invalidField("base64")
        }
        return bytes
    }
}

extension JSONObjectWriter {
    /// The largest whole number that a page can hold.
    static let largestPlace: UInt64 = 1 << 53

    /// A place in a stream of bytes.
    mutating func place(_ name: StaticString, _ place: UInt64) {
        integer(name, Int(clamping: place))
    }
}
