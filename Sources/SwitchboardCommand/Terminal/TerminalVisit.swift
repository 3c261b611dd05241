import Dispatch
import NIOCore
import SwitchboardAgent
import SwitchboardCore
import SwitchboardProtocol

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A person's visit at a terminal: carries out what ``TerminalViewer`` decides, until it is over.
struct TerminalVisit {
    /// What happens, one after the other.
    private enum Event: Sendable {
        /// nil at the end of the input.
        case keys(ByteBuffer?)
        case opened(OperatorSocket)
        case notOpened(Failure)
        /// From the connection of that number.
        case socket(OperatorSocket.Event, Int)
        case resized
        case tick
        case stopped
    }

    private static let tick = 100
    /// Milliseconds between two attempts to connect, at least and at most.
    private static let pauses = (least: 200, most: 5000)

    private let api: APIClient
    private let client: ClientID
    private let name: String
    private let terminal: String
    private let local = LocalTerminal()
    private let recording: TerminalRecording?
    private var viewer: TerminalViewer
    private var escapes = EscapeKeys()

    private let events: AsyncStream<Event>
    private let inlet: AsyncStream<Event>.Continuation
    private var socket: OperatorSocket?
    /// Connections so far, and attempts since the last of them.
    private var connections = 0
    private var attempts = 0
    private var hasBegun = false
    private var hasNotedLoss = false
    private var exit: Int32?

    init(
        api: APIClient, client: ClientID, name: String, terminal: String, mode: TerminalOrder.Mode, command: String?,
        record: String?
    ) throws {
        (self.api, self.client, self.name, self.terminal) = (api, client, name, terminal)
        let size = local.size ?? (80, 24)
        viewer = TerminalViewer(
            terminal: terminal, mode: mode, command: command, columns: size.columns, rows: size.rows)
        recording = try record.map {
            try TerminalRecording(
                path: $0, title: "\(client) \(terminal)", command: nil, columns: size.columns, rows: size.rows)
        }
        // Output that does not fit is a hole, which the viewer has filled.
        (events, inlet) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1024))
    }

    /// - Returns: The exit status.
    /// - Throws: ``Failure`` when there is no terminal.
    consuming func run() async throws -> Int32 {
        let inlet = inlet
        let signals = Self.signals(inlet)
        let ticking = Task {
            while !Task.isCancelled {
                inlet.yield(.tick)
                try? await Task.sleep(for: .milliseconds(Self.tick))
            }
        }
        defer {
            for signal in signals { signal.cancel() }
            ticking.cancel()
            local.stop()
            local.restore()
            recording?.end()
            inlet.finish()
        }
        connect()
        for await event in events {
            try await take(event)
            if let exit {
                await socket?.close()
                return exit
            }
        }
        return 0
    }

    private static func signals(_ inlet: AsyncStream<Event>.Continuation) -> [any DispatchSourceSignal] {
        let queue = DispatchQueue(label: "switchboard.terminal.signals")
        return [SIGWINCH, SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { inlet.yield(number == SIGWINCH ? .resized : .stopped) }
            source.resume()
            return source
        }
    }

    private static var now: UInt64 { NIODeadline.now().uptimeNanoseconds / 1_000_000 }

    // MARK: What happens

    private mutating func take(_ event: Event) async throws {
        let now = Self.now
        switch event {
        case .keys(let keys?): press(keys, now)
        // The terminal goes on; what it still puts out is shown.
        case .keys(nil): break
        case .opened(let socket):
            self.socket = socket
            attempts = 0
            try carryOut(viewer.connected(now: now))
        case .notOpened(let failure):
            // What is wrong at the beginning, or with the key, does not get better by waiting.
            guard hasBegun, ![400, 401, 403, 404].contains(failure.status) else { throw failure }
            noteLoss(failure.description)
            connect()
        case .socket(let event, let number): if number == connections { try take(event, now) }
        case .resized:
            guard let size = local.size else { return }
            recording?.resized(columns: size.columns, rows: size.rows)
            try carryOut(viewer.resize(columns: size.columns, rows: size.rows))
        case .tick:
            // Its end may not have found room among the events.
            if let socket, !socket.channel.isActive { lose("the connection was lost") }
            try carryOut(viewer.tick(now: now))
        case .stopped: leave()
        }
        local.takeKeys(viewer.takesKeys)
        if case .keys = event { local.keysTaken() }
    }

    private mutating func take(_ event: OperatorSocket.Event, _ now: UInt64) throws {
        switch event {
        case .ended(let reason, let isFinal):
            if isFinal { throw Failure("the node has closed the connection: \(reason)") }
            guard hasBegun else { throw Failure(reason) }
            lose(reason)
        case .frame(let document):
            switch ViewerFrame(document, for: name) {
            case .report(let report): try carryOut(viewer.received(report, now: now))
            case .offline: try carryOut(viewer.wentOffline())
            case .error(let code, let message): try carryOut(viewer.refused(code: code, message: message, now: now))
            case nil: break
            }
        }
    }

    private mutating func press(_ keys: ByteBuffer, _ now: UInt64) {
        guard local.hasKeyboard else { return send(viewer.type(keys, now: now)) }
        let (passed, wishes) = escapes.feed(keys.readableBytesView)
        if !passed.isEmpty { send(viewer.type(ByteBuffer(bytes: passed), now: now)) }
        for wish in wishes {
            switch wish {
            case .leave: leave()
            case .help: local.note("~.  leave the terminal, which goes on    ~~  a tilde    ~?  this")
            }
        }
    }

    private mutating func leave() {
        socket?.send(TerminalOrder(viewer: name, action: .detach), to: client)
        exit = 0
        local.note("left \(terminal) on \(client)")
    }

    // MARK: The connection

    private mutating func connect() {
        connections += 1
        let pause = attempts == 0 ? 0 : min(Self.pauses.most, Self.pauses.least << min(attempts, 10))
        attempts += 1
        let (api, inlet, number) = (api, inlet, connections)
        Task {
            // Not all at once, when a node with many viewers is gone.
            if pause > 0 { try? await Task.sleep(for: .milliseconds(Int.random(in: pause / 2...pause))) }
            do {
                let socket = try await OperatorSocket.open(api) { inlet.yield(.socket($0, number)) }
                inlet.yield(.opened(socket))
            } catch {
                inlet.yield(.notOpened(error as? Failure ?? Failure("\(error)")))
            }
        }
    }

    private mutating func lose(_ reason: String) {
        guard socket != nil else { return }
        socket = nil
        viewer.disconnected()
        noteLoss(reason)
        connect()
    }

    /// Said once, however often it is tried.
    private mutating func noteLoss(_ reason: String) {
        if !hasNotedLoss { local.note("\(reason); connecting again, ~. leaves") }
        hasNotedLoss = true
    }

    // MARK: What follows

    private func send(_ actions: [TerminalViewer.Action]) {
        for case .send(let action) in actions { send(action) }
    }

    private func send(_ action: TerminalOrder.Action) {
        socket?.send(TerminalOrder(viewer: name, action: action), to: client)
    }

    private mutating func carryOut(_ actions: [TerminalViewer.Action]) throws {
        for action in actions {
            switch action {
            case .send(let action): send(action)
            case .draw(let bytes):
                _ = recording?.output(bytes)
                // Nobody looks any more.
                if !local.draw(bytes) { exit = 1 }
            case .clear: local.clear()
            case .note(let note): tell(note)
            case .end(let ending): try end(ending)
            }
        }
    }

    private mutating func tell(_ note: TerminalViewer.Note) {
        switch note {
        case .attached:
            if !hasBegun { begin() } else if hasNotedLoss { local.note("here again") }
            hasNotedLoss = false
        case .offline:
            local.note("\(client) is not connected; waiting, ~. leaves")
            hasNotedLoss = true
        case .waiting:
            // Nobody would know yet how to leave.
            guard hasBegun else { return Output.note("waiting for \(client)") }
            local.note("no answer; waiting, ~. leaves")
            hasNotedLoss = true
        case .replaced: local.note("the program is gone, and this is a new one; what was typed meanwhile is dropped")
        case .viewers, .resized: break
        }
    }

    private mutating func begin() {
        hasBegun = true
        local.makeRaw()
        let inlet = inlet
        local.read { keys in
            // Nobody types it again when there is no room among the events.
            while case .dropped = inlet.yield(.keys(keys)) { usleep(10_000) }
        }
    }

    private mutating func end(_ ending: TerminalViewer.Ending) throws {
        switch ending {
        case .ended(let status, let signal, let reason):
            exit = status.map { Int32(clamping: $0) } ?? signal.map { 128 + Int32(clamping: $0) } ?? 1
            let what = signal.map { ": signal \($0)" } ?? ""
            local.note("\(terminal) on \(client) has ended (\(reason.rawValue)\(what))")
        case .refused(let code, let message): throw Failure("\(code): \(message)")
        case .offline: throw Failure("\(client) is not connected")
        }
    }
}
