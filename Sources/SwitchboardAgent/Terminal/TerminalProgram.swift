import CTerminal
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A program on a pseudo-terminal. A thread of its own reads what it puts out, one piece for each leave to do so, and awaits its
/// end; everything else may be called from anywhere and does not block.
final class TerminalProgram: Sendable {
    private struct State {
        /// Not written yet.
        var input = ByteBuffer()
        /// One piece of output may be read.
        var mayRead = true
        /// When the program is ended by force.
        var deadline: NIODeadline?
        /// The descriptors are closed, and the process's number may be another's.
        var isOver = false
    }

    /// The most input that waits for a program which does not read.
    static let inputLimit = 64 << 10
    /// The most output in one piece.
    private static let pieceLimit = 64 << 10
    /// Seconds between the request to end and the end by force.
    private static let patience = TimeAmount.milliseconds(3000)
    /// How long a program that let go of its terminal has to end by itself, before it is told that the terminal is gone.
    private static let farewell = TimeAmount.milliseconds(1000)
    /// How often it is looked whether the program has ended while others hold its terminal open.
    private static let interval = TimeAmount.milliseconds(500)

    private let terminal: PseudoTerminal
    /// A byte in it interrupts the thread's waiting.
    private let wake: (read: CInt, write: CInt)
    private let state = Mutex(State())
    private let thread = NIOThreadPool(numberOfThreads: 1)

    init(_ terminal: PseudoTerminal) throws(PseudoTerminal.StartError) {
        self.terminal = terminal
        var ends: [CInt] = [-1, -1]
        guard Self.openPipe(&ends) == 0 else {
            let reason = String(cString: strerror(errno))
            close(terminal.master)
            // Nobody else will await its end.
            kill(-terminal.process, SIGKILL)
            var status: CInt = 0
            while waitpid(terminal.process, &status, 0) < 0, errno == EINTR {}
            throw PseudoTerminal.StartError(description: "a pipe cannot be made: \(reason)")
        }
        wake = (ends[0], ends[1])
    }

    /// One that other programs do not hold open and that blocks nobody.
    private static func openPipe(_ ends: inout [CInt]) -> CInt {
        #if os(Linux)
            return pipe2(&ends, O_CLOEXEC | O_NONBLOCK)
        #else
            guard pipe(&ends) == 0 else { return -1 }
            for end in ends {
                _ = fcntl(end, F_SETFD, FD_CLOEXEC)
                _ = fcntl(end, F_SETFL, O_NONBLOCK)
            }
            return 0
        #endif
    }

    /// Begins to read.
    ///
    /// - Parameters:
    ///   - onOutput: Gets a piece of output, on another thread; the next one comes after ``goOn()``.
    ///   - onEnd: Called after all output, when the program has ended and nothing is left of it.
    func start(
        onOutput: @escaping @Sendable (ByteBuffer) -> Void, onEnd: @escaping @Sendable (ProgramRunner.Exit) -> Void
    ) {
        thread.start()
        thread.submit { _ in
            self.read(onOutput)
            let exit = self.reap()
            onEnd(exit)
            self.thread.shutdownGracefully { _ in }
        }
    }

    /// The next piece of output may be read.
    func goOn() { change { $0.mayRead = true } }

    /// How much input there is room for.
    var room: Int { state.withLock { $0.isOver ? 0 : Self.inputLimit - $0.input.readableBytes } }

    func write(_ bytes: ByteBuffer) { change { $0.input.writeImmutableBuffer(bytes) } }

    func resize(columns: Int, rows: Int) {
        state.withLock { state in
            if !state.isOver { PseudoTerminal.resize(terminal.master, columns: columns, rows: rows) }
        }
    }

    /// Tells the program that its terminal is gone; some time later it is ended by force.
    func end() {
        change { state in
            if state.deadline == nil { state.deadline = .now() + Self.patience }
            signal(SIGHUP)
        }
    }

    /// Whatever is in the foreground and the program's own group; only while it is not reaped.
    private func signal(_ number: CInt) {
        let foreground = tcgetpgrp(terminal.master)
        if foreground > 1, foreground != terminal.process { kill(-foreground, number) }
        kill(-terminal.process, number)
        // What is stopped cannot end.
        if number == SIGHUP { kill(-terminal.process, SIGCONT) }
    }

    private func change(_ body: (inout State) -> Void) {
        state.withLock { state in
            guard !state.isOver else { return }
            body(&state)
            var byte: UInt8 = 0
            _ = systemWrite(wake.write, &byte, 1)
        }
    }

    // MARK: the thread

    /// Reads until the terminal is gone, or the program is and nothing is left to read.
    private func read(_ onOutput: (ByteBuffer) -> Void) {
        while true {
            let (events, deadline) = state.withLock { state in
                (
                    (state.mayRead ? Int16(POLLIN) : 0) | (state.input.readableBytes > 0 ? Int16(POLLOUT) : 0),
                    state.deadline
                )
            }
            // Asked before reading: what the program put out until then is read below.
            let hasEnded = hasEnded
            if let deadline, deadline <= .now() {
                state.withLock { _ in signal(SIGKILL) }
                // Nobody gives leave any more, perhaps.
                if hasEnded, events & Int16(POLLIN) == 0 { return }
            }
            let ready = ready(for: events, upTo: hasEnded && events & Int16(POLLIN) != 0 ? .zero : Self.interval)
            // A terminal that is gone says only that; while input waits for it we would be woken again and again.
            if ready & Int16(POLLOUT | POLLHUP | POLLERR) != 0 { writeInput() }
            guard events & Int16(POLLIN) != 0 else { continue }
            switch readPiece() {
            case .some(let piece, let isLast):
                state.withLock { $0.mayRead = false }
                onOutput(piece)
                if isLast { return }
            case .nothing: if hasEnded { return }
            case .gone: return
            }
        }
    }

    /// Waits for the terminal, or until it is woken.
    ///
    /// - Returns: What the terminal is ready for.
    private func ready(for events: Int16, upTo time: TimeAmount) -> Int16 {
        // One that nothing is wanted of would wake us for nothing when it is gone.
        var files = [
            pollfd(fd: wake.read, events: Int16(POLLIN), revents: 0),
            pollfd(fd: events == 0 ? -1 : terminal.master, events: events, revents: 0),
        ]
        guard poll(&files, 2, CInt(time.nanoseconds / 1_000_000)) > 0 else { return 0 }
        if files[0].revents != 0 {
            var bytes = [UInt8](repeating: 0, count: 64)
            while systemRead(wake.read, &bytes, bytes.count) == bytes.count {}
        }
        return files[1].revents
    }

    private func writeInput() {
        state.withLock { state in
            let count = state.input.withUnsafeReadableBytes { systemWrite(terminal.master, $0.baseAddress, $0.count) }
            if count > 0 { state.input.moveReaderIndex(forwardBy: count) }
            // A terminal that is gone takes nothing, and never will.
            if count < 0, errno != EAGAIN, errno != EINTR { state.input.clear() }
            if state.input.readableBytes == 0 { state.input.clear() }
        }
    }

    private enum Piece {
        case some(ByteBuffer, isLast: Bool)
        case nothing
        case gone
    }

    private func readPiece() -> Piece {
        var piece = [UInt8](repeating: 0, count: Self.pieceLimit)
        var length = 0
        var isGone = false
        while length < piece.count {
            let count = piece.withUnsafeMutableBytes { space in
                systemRead(terminal.master, space.baseAddress?.advanced(by: length), space.count - length)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                isGone = count == 0 || errno != EAGAIN
                break
            }
            length += count
        }
        guard length > 0 else { return isGone ? .gone : .nothing }
        return .some(ByteBuffer(bytes: piece[..<length]), isLast: isGone)
    }

    private var hasEnded: Bool {
        var information = siginfo_t()
        // Without a child that has ended, the structure stays as it is.
        let result = waitid(P_PID, id_t(terminal.process), &information, WEXITED | WNOWAIT | WNOHANG)
        // Somebody else has taken note of its end already.
        guard result == 0 else { return errno == ECHILD }
        return information.si_signo != 0
    }

    /// Awaits the end of a program whose terminal is gone, and forces it if need be.
    private func reap() -> ProgramRunner.Exit {
        // Many close their standard streams some time before they exit: a signal between the two would end them with another
        // status.
        awaitEnd(until: state.withLock { $0.deadline } ?? .now() + Self.farewell)
        let deadline = state.withLock { state in
            if !hasEnded { signal(SIGHUP) }
            return state.deadline ?? .now() + Self.patience
        }
        awaitEnd(until: deadline)
        if !hasEnded { state.withLock { _ in signal(SIGKILL) } }
        // Awaited without the lock, which others take on event loops.
        var information = siginfo_t()
        while waitid(P_PID, id_t(terminal.process), &information, WEXITED | WNOWAIT) < 0, errno == EINTR {}
        return state.withLock { state in
            // It has ended; only now its number may become another's, and nobody signals it any more.
            var status: CInt = 0
            while waitpid(terminal.process, &status, 0) < 0, errno == EINTR {}
            state.isOver = true
            state.input.clear()
            for file in [terminal.master, wake.read, wake.write] { close(file) }
            let number = status & 0x7F
            return number == 0 ? .status((status >> 8) & 0xFF) : .signal(number)
        }
    }

    /// Looks again and again: with its terminal gone nothing that can be waited for up to a time tells of its end. The thread has
    /// nothing else to do.
    private func awaitEnd(until deadline: NIODeadline) {
        while !hasEnded, deadline > .now() { usleep(10_000) }
    }
}

private func systemRead(_ file: CInt, _ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(file, bytes, count)
}

private func systemWrite(_ file: CInt, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(file, bytes, count)
}
