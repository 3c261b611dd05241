import NIOCore
import SwitchboardProtocol

/// One terminal of the agent, which stays on its event loop.
final class Terminal {
    /// Not given to another one.
    let number: Int
    let name: String
    let command: [String]
    /// Milliseconds since 1970.
    let since: Int
    let program: TerminalProgram
    let recording: TerminalRecording?
    var ledger: TerminalLedger
    var columns: Int
    var rows: Int
    /// Why it was told to end.
    var ending: TerminalReport.Ending?
    /// How it ended, and when.
    var end: (exit: ProgramRunner.Exit, at: NIODeadline)?
    /// The program waits for leave to put out more.
    var isWaiting = false
    var sentAt: NIODeadline?
    var sendTimer: Scheduled<Void>?
    var holdTimer: Scheduled<Void>?

    init(
        number: Int, name: String, command: [String], since: Int, program: TerminalProgram,
        recording: TerminalRecording?, ledger: TerminalLedger, columns: Int, rows: Int
    ) {
        self.number = number
        self.name = name
        self.command = command
        self.since = since
        self.program = program
        self.recording = recording
        self.ledger = ledger
        self.columns = columns
        self.rows = rows
    }

    var isShared: Bool { ledger.viewers.values.contains { $0.mode == .shared } }

    func cancelTimers() {
        sendTimer?.cancel()
        holdTimer?.cancel()
    }
}

/// The terminals of an agent and who views which.
struct TerminalBook {
    /// By name; those that are not over.
    private(set) var running: [String: Terminal] = [:]
    /// Those that are over, oldest first, until their viewers know it.
    private(set) var ended: [Terminal] = []
    /// The terminal of each viewer, an ended one as well.
    private(set) var viewed: [String: Terminal] = [:]
    var tick: RepeatedTask?
    var budget = TerminalBudget()
    /// All go on when the next piece may be sent.
    var budgetTimer: Scheduled<Void>?
    private var lastNumber = 0
    /// Behind the output of all terminals.
    private var highest: UInt64 = 0

    /// How long an ended terminal is kept for viewers that do not know it yet.
    private static let remembrance = TimeAmount.milliseconds(60_000)

    var all: [Terminal] { running.values.sorted { $0.name < $1.name } + ended }

    func terminal(_ number: Int) -> Terminal? { running.values.first { $0.number == number } }

    mutating func nextNumber() -> Int {
        lastNumber += 1
        return lastNumber
    }

    /// Where a new terminal's output begins: nowhere that an older one was, this agent's or one's before a restart.
    mutating func nextBase(milliseconds: Int) -> UInt64 {
        highest = max(highest + 1, UInt64(clamping: milliseconds) << 10)
        return highest
    }

    mutating func add(_ terminal: Terminal) { running[terminal.name] = terminal }

    mutating func view(_ viewer: String, _ terminal: Terminal) { viewed[viewer] = terminal }

    mutating func leave(_ viewer: String) { viewed[viewer] = nil }

    /// A terminal is over.
    mutating func end(_ terminal: Terminal) {
        running[terminal.name] = nil
        highest = max(highest, terminal.ledger.written)
        ended.append(terminal)
        if ended.count > TerminalPolicy.maximumTerminals { forget(ended[0]) }
    }

    /// Forgets the terminals whose viewers had their time.
    mutating func expire(_ now: NIODeadline) {
        for terminal in ended {
            if terminal.ledger.viewers.isEmpty || terminal.end.map({ now - $0.at >= Self.remembrance }) == true {
                forget(terminal)
            }
        }
    }

    private mutating func forget(_ terminal: Terminal) {
        terminal.cancelTimers()
        ended.removeAll { $0 === terminal }
        viewed = viewed.filter { $0.value !== terminal }
    }

    mutating func removeAll() {
        for terminal in all { terminal.cancelTimers() }
        (running, ended, viewed) = ([:], [], [:])
    }
}
