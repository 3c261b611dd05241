import Logging
import NIOCore
import SwitchboardProtocol

// Terminals of this machine: what they have for their viewers, and how they end.
extension Agent {
    /// Output that comes within this time is sent together.
    private static let gathering = TimeAmount.milliseconds(8)
    private static let tickInterval = TimeAmount.milliseconds(1000)

    /// Lets a terminal's program run.
    func begin(_ terminal: Terminal) {
        let (number, loop, recording) = (terminal.number, eventLoop, terminal.recording)
        terminal.program.start(
            onOutput: { [weak self] bytes in
                let isRecorded = recording?.output(bytes) ?? true
                loop.execute { [weak self] in
                    self?.assumeIsolated { $0.terminalPutOut(bytes, number, isRecorded: isRecorded) }
                }
            },
            onEnd: { [weak self] exit in
                loop.execute { [weak self] in self?.assumeIsolated { $0.terminalEnded(number, exit) } }
            })
        guard terminals.tick == nil else { return }
        terminals.tick = eventLoop.scheduleRepeatedTask(initialDelay: Self.tickInterval, delay: Self.tickInterval) {
            [weak self] _ in
            self?.assumeIsolated { $0.tickTerminals() }
        }
    }

    private func terminalPutOut(_ bytes: ByteBuffer, _ number: Int, isRecorded: Bool) {
        guard let terminal = terminals.terminal(number) else { return }
        terminal.ledger.append(bytes)
        terminal.isWaiting = true
        // Said once, however much it puts out before it is gone.
        if !isRecorded, terminal.ending == nil {
            logger.error("a terminal cannot be recorded any more, and ends", metadata: ["terminal": "\(terminal.name)"])
            end(terminal, .closed)
        }
        // A key's echo leaves at once; a flood in few large frames.
        let now = NIODeadline.now()
        if let sentAt = terminal.sentAt, now - sentAt < Self.gathering {
            guard terminal.sendTimer == nil else { return allowReading(terminal, now) }
            terminal.sendTimer = eventLoop.scheduleTask(deadline: sentAt + Self.gathering) { [weak self] in
                self?.assumeIsolated { agent in
                    guard let terminal = agent.terminals.terminal(number) else { return }
                    agent.goOn(terminal)
                }
            }
            return allowReading(terminal, now)
        }
        goOn(terminal)
    }

    /// Sends what may be sent, and lets the program go on if nobody is too far behind.
    func goOn(_ terminal: Terminal) {
        terminal.sendTimer?.cancel()
        terminal.sendTimer = nil
        terminal.sentAt = .now()
        send(terminal)
        allowReading(terminal, .now())
    }

    private func allowReading(_ terminal: Terminal, _ now: NIODeadline) {
        guard terminal.isWaiting, terminal.end == nil else { return }
        terminal.holdTimer?.cancel()
        terminal.holdTimer = nil
        if terminal.ledger.mayRead(now) {
            terminal.isWaiting = false
            terminal.program.goOn()
            // Those that were waited for in vain hear where they go on.
            if terminal.ledger.viewers.values.contains(where: \.isMoved) { send(terminal) }
        } else if let since = terminal.ledger.heldSince {
            let number = terminal.number
            terminal.holdTimer = eventLoop.scheduleTask(deadline: since + terminal.ledger.limits.patience) {
                [weak self] in
                self?.assumeIsolated { agent in
                    guard let terminal = agent.terminals.terminal(number) else { return }
                    agent.goOn(terminal)
                }
            }
        }
    }

    // MARK: sending

    private var takesTerminalOutput: Bool { state.isOnline && link?.isWritable == true }

    /// Whether a piece of output may be sent; if it is too early, all terminals go on when it is time.
    private func maySendOutput() -> Bool {
        guard takesTerminalOutput else { return false }
        guard let opening = terminals.budget.opensAt(.now()) else { return true }
        guard terminals.budgetTimer == nil else { return false }
        terminals.budgetTimer = eventLoop.scheduleTask(deadline: opening) { [weak self] in
            self?.assumeIsolated { agent in
                agent.terminals.budgetTimer = nil
                agent.flushTerminals()
            }
        }
        return false
    }

    /// Each viewer in turn gets a piece, as long as the link takes them. Who is first is left to chance, so that all get their
    /// share of what may be sent.
    private func send(_ terminal: Terminal) {
        var names = terminal.ledger.viewers.keys.shuffled()
        while !names.isEmpty, maySendOutput() {
            names = names.filter { name in
                guard maySendOutput() else { return true }
                switch terminal.ledger.next(for: name) {
                case .moved: sayWhere(name, terminal, isNew: false)
                case .output(let offset, let bytes):
                    tell(name, .output(offset: offset, bytes: bytes))
                    terminals.budget.spend(bytes.readableBytes)
                case nil: return false
                }
                return true
            }
        }
        guard let end = terminal.end, takesTerminalOutput else { return }
        for name in terminal.ledger.viewers.keys.sorted() where terminal.ledger.hasToKnowEnd(name) {
            tell(name, Self.ended(end.exit, terminal.ending ?? .exited))
        }
    }

    private static func ended(_ exit: ProgramRunner.Exit, _ reason: TerminalReport.Ending) -> TerminalReport.Event {
        switch exit {
        case .status(let status): .ended(status: Int(status), signal: nil, reason: reason)
        case .signal(let signal): .ended(status: nil, signal: Int(signal), reason: reason)
        }
    }

    /// Tells a viewer where its output goes on.
    func sayWhere(_ viewer: String, _ terminal: Terminal, isNew: Bool) {
        guard let place = terminal.ledger.viewers[viewer] else { return }
        tell(
            viewer,
            .here(
                TerminalReport.Here(
                    terminal: terminal.name, columns: terminal.columns, rows: terminal.rows, from: place.sent,
                    typed: place.typed, command: terminal.command.joined(separator: " "), isNew: isNew,
                    viewers: terminal.ledger.viewers.count, start: terminal.ledger.start)))
    }

    /// There are at most a few of these for each order, and orders are not read while the link takes nothing.
    func tell(_ viewer: String, _ event: TerminalReport.Event) {
        if state.isOnline { write(.terminal(TerminalReport(viewer: viewer, event: event))) }
    }

    func refuse(_ viewer: String, _ code: TerminalReport.Refusal, _ message: String) {
        tell(viewer, .refused(code: code.rawValue, message: message))
    }

    func flushTerminals() {
        for terminal in terminals.all.shuffled() { goOn(terminal) }
    }

    /// What is under way on the old link may be lost; viewers say where they are when they come again.
    func terminalsLostLink() {
        for terminal in terminals.all { terminal.ledger.linkEnded() }
    }

    // MARK: ending

    func end(_ terminal: Terminal, _ reason: TerminalReport.Ending) {
        if terminal.ending == nil { terminal.ending = reason }
        terminal.program.end()
    }

    private func terminalEnded(_ number: Int, _ exit: ProgramRunner.Exit) {
        guard let terminal = terminals.terminal(number) else { return }
        terminal.end = (exit, .now())
        terminals.end(terminal)
        let reason = terminal.ending ?? .exited
        logger.notice(
            "a terminal has ended",
            metadata: ["terminal": "\(terminal.name)", "exit": "\(exit)", "reason": "\(reason.rawValue)"])
        terminal.recording?.mark("ended: \(reason.rawValue), \(exit)")
        terminal.recording?.end()
        goOn(terminal)
        terminals.expire(.now())
    }

    /// The agent ends, and its terminals with it.
    func endTerminals() {
        terminals.tick?.cancel()
        terminals.tick = nil
        terminals.budgetTimer?.cancel()
        terminals.budgetTimer = nil
        for terminal in terminals.running.values {
            end(terminal, .agentStopped)
            for viewer in terminal.ledger.viewers.keys {
                tell(viewer, .ended(status: nil, signal: nil, reason: .agentStopped))
            }
            terminal.recording?.mark("ended: \(TerminalReport.Ending.agentStopped.rawValue)")
            terminal.recording?.end()
        }
        terminals.removeAll()
    }

    private func tickTerminals() {
        let now = NIODeadline.now()
        let idle = TimeAmount.seconds(configuration.terminals?.idleTimeout ?? 0)
        for terminal in terminals.running.values {
            let absent = terminal.ledger.expire(now)
            for viewer in absent { terminals.leave(viewer) }
            if !absent.isEmpty {
                let count = terminal.ledger.viewers.count
                for viewer in terminal.ledger.viewers.keys { tell(viewer, .viewers(count)) }
            }
            allowReading(terminal, now)
            if terminal.ending == nil, terminal.ledger.isIdle(for: idle, now) { end(terminal, .idle) }
        }
        terminals.expire(now)
        guard terminals.all.isEmpty else { return }
        terminals.tick?.cancel()
        terminals.tick = nil
    }
}
