import FoundationEssentials
import Logging
import NIOCore
import SwitchboardProtocol

// Terminals of this machine, for operators far away: what their viewers order.
extension Agent {
    func received(_ order: TerminalOrder) {
        let viewer = order.viewer
        guard let policy = configuration.terminals else {
            return refuse(viewer, .terminalNotAllowed, "the agent allows no terminals")
        }
        let now = NIODeadline.now()
        switch order.action {
        case .attach(let attach): self.attach(viewer, attach, policy, now)
        case .list:
            tell(viewer, .terminals(terminals.running.values.map(Self.entry).sorted { $0.terminal < $1.terminal }))
        case .detach: leave(viewer, now)
        case .took(let offset):
            guard let terminal = terminals.viewed[viewer] else { return }
            terminal.ledger.took(viewer, offset, now)
            goOn(terminal)
        case .input(let offset, let bytes): typed(viewer, offset, bytes, now)
        case .resize(let columns, let rows):
            guard let terminal = shared(viewer, now) else { return }
            resize(terminal, columns, rows, by: viewer)
        case .end:
            guard let terminal = shared(viewer, now) else { return }
            end(terminal, .closed)
        }
    }

    private static func entry(_ terminal: Terminal) -> TerminalReport.Terminal {
        TerminalReport.Terminal(
            terminal: terminal.name, command: terminal.command.joined(separator: " "), columns: terminal.columns,
            rows: terminal.rows, viewers: terminal.ledger.viewers.count, since: terminal.since)
    }

    /// The running terminal that this viewer may change; if there is none, it was told so.
    private func shared(_ viewer: String, _ now: NIODeadline) -> Terminal? {
        guard let terminal = terminals.viewed[viewer] else {
            refuse(viewer, .noSuchTerminal, "this viewer has no terminal")
            return nil
        }
        terminal.ledger.renew(viewer, now)
        guard terminal.ledger.viewers[viewer]?.mode == .shared else {
            refuse(viewer, .readOnly, "this viewer only sees the terminal")
            return nil
        }
        return terminal.end == nil ? terminal : nil
    }

    // MARK: coming and going

    private func attach(
        _ viewer: String, _ attach: TerminalOrder.Attach, _ policy: TerminalPolicy, _ now: NIODeadline
    ) {
        if let terminal = terminals.viewed[viewer] {
            if terminal.name == attach.terminal, !isNewStart(viewer, attach, terminal) {
                return arrive(viewer, attach, at: terminal, isNew: false, now)
            }
            leave(viewer, now)
        }
        if let terminal = terminals.running[attach.terminal] {
            return arrive(viewer, attach, at: terminal, isNew: false, now)
        }
        guard attach.mode == .shared else {
            return refuse(viewer, .noSuchTerminal, "there is no terminal '\(attach.terminal)'")
        }
        guard let terminal = start(viewer, attach, policy, now) else { return }
        arrive(viewer, attach, at: terminal, isNew: true, now)
    }

    /// The viewer knows that the terminal is over, and wants another one; who does not is only told again.
    private func isNewStart(_ viewer: String, _ attach: TerminalOrder.Attach, _ terminal: Terminal) -> Bool {
        guard terminal.end != nil, attach.from == nil, let known = terminal.ledger.viewers[viewer] else { return false }
        return known.hasAnswered && known.knowsEnd
    }

    private func arrive(
        _ viewer: String, _ attach: TerminalOrder.Attach, at terminal: Terminal, isNew: Bool, _ now: NIODeadline
    ) {
        let wasShared = terminal.isShared
        let mode = terminal.ledger.viewers[viewer]?.mode
        let arrival = terminal.ledger.attach(viewer, attach, now)
        guard arrival != .full else {
            return refuse(viewer, .tooManyViewers, "the terminal has \(TerminalPolicy.maximumViewers) viewers")
        }
        terminals.view(viewer, terminal)
        // Who only looked and now types is noted again.
        if mode != attach.mode {
            let name = attach.operatorName.isEmpty ? "an operator" : attach.operatorName.withoutControls
            logger.notice(
                "a terminal is viewed",
                metadata: [
                    "terminal": "\(terminal.name)", "operator": "\(name)", "mode": "\(attach.mode.rawValue)",
                ])
            terminal.recording?.mark("viewed by \(name) (\(attach.mode.rawValue))")
        }
        if arrival == .new, attach.mode == .shared, !wasShared {
            resize(terminal, attach.columns, attach.rows, by: viewer)
        }
        sayWhere(viewer, terminal, isNew: isNew)
        if arrival == .new { tellViewers(of: terminal, besides: viewer) }
        goOn(terminal)
    }

    private func leave(_ viewer: String, _ now: NIODeadline) {
        guard let terminal = terminals.viewed[viewer] else { return }
        terminals.leave(viewer)
        guard terminal.ledger.remove(viewer, now) else { return }
        tellViewers(of: terminal, besides: nil)
        goOn(terminal)
    }

    private func tellViewers(of terminal: Terminal, besides viewer: String?) {
        let count = terminal.ledger.viewers.count
        for other in terminal.ledger.viewers.keys where other != viewer { tell(other, .viewers(count)) }
    }

    // MARK: typing

    private func typed(_ viewer: String, _ offset: UInt64, _ bytes: ByteBuffer, _ now: NIODeadline) {
        guard let terminal = terminals.viewed[viewer] else {
            return refuse(viewer, .noSuchTerminal, "this viewer has no terminal")
        }
        guard terminal.end == nil else { return }
        let room = terminal.program.room
        switch terminal.ledger.input(viewer, offset: offset, bytes: bytes, room: room, now) {
        case .take(let bytes, let taken):
            terminal.program.write(bytes)
            tell(viewer, .taken(offset: taken))
        case .repeated(let taken): tell(viewer, .taken(offset: taken))
        case .readOnly: refuse(viewer, .readOnly, "this viewer only sees the terminal")
        case .ignored, .unknown: break
        }
    }

    private func resize(_ terminal: Terminal, _ columns: Int, _ rows: Int, by viewer: String) {
        guard terminal.end == nil, (columns, rows) != (terminal.columns, terminal.rows) else { return }
        (terminal.columns, terminal.rows) = (columns, rows)
        terminal.program.resize(columns: columns, rows: rows)
        terminal.recording?.resized(columns: columns, rows: rows)
        for viewer in terminal.ledger.viewers.keys { tell(viewer, .resized(columns: columns, rows: rows)) }
    }

    // MARK: a new terminal

    /// - Returns: nil when there can be none; the viewer was told why.
    private func start(
        _ viewer: String, _ attach: TerminalOrder.Attach, _ policy: TerminalPolicy, _ now: NIODeadline
    ) -> Terminal? {
        let own = SpawnedProgram.ownEnvironment()
        guard !isStopping else {
            refuse(viewer, .cannotStart, "the agent is stopping")
            return nil
        }
        guard terminals.running.count < TerminalPolicy.maximumTerminals else {
            refuse(viewer, .tooManyTerminals, "the agent has \(TerminalPolicy.maximumTerminals) terminals")
            return nil
        }
        guard let command = policy.program(for: attach.command, environment: own) else {
            refuse(viewer, .commandNotAllowed, "the agent does not allow this command")
            return nil
        }
        do {
            let terminal = try makeTerminal(attach, command, policy, own, now)
            logger.notice(
                "a terminal has begun",
                metadata: ["terminal": "\(terminal.name)", "command": "\(command.joined(separator: " "))"])
            return terminal
        } catch {
            logger.error("a terminal cannot begin", metadata: ["reason": "\(error)"])
            refuse(viewer, .cannotStart, "\(error)")
            return nil
        }
    }

    private func makeTerminal(
        _ attach: TerminalOrder.Attach, _ command: [String], _ policy: TerminalPolicy, _ own: [String: String],
        _ now: NIODeadline
    ) throws -> Terminal {
        let (columns, rows) = (attach.columns, attach.rows)
        let recording = try policy.recordings.map {
            try TerminalRecording(
                folder: $0, terminal: attach.terminal, command: command, columns: columns, rows: rows)
        }
        let program: TerminalProgram
        do {
            let environment = TerminalEnvironment.variables(own)
            program = try TerminalProgram(
                PseudoTerminal(
                    command, environment: environment, folder: TerminalEnvironment.folder(environment),
                    columns: columns, rows: rows))
        } catch {
            recording?.end()
            throw error
        }
        let milliseconds = Int(Date().timeIntervalSince1970 * 1000)
        let terminal = Terminal(
            number: terminals.nextNumber(), name: attach.terminal, command: command, since: milliseconds,
            program: program, recording: recording,
            ledger: TerminalLedger(base: terminals.nextBase(milliseconds: milliseconds), now: now), columns: columns,
            rows: rows)
        terminals.add(terminal)
        begin(terminal)
        return terminal
    }
}
