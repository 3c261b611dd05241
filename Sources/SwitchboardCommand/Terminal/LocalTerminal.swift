import NIOCore
import NIOPosix
import SwitchboardAgent
import SwitchboardProtocol
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The person's own terminal: every key goes to the remote one, and what that puts out is drawn as it is. A pipe does as well.
final class LocalTerminal: Sendable {
    let hasKeyboard = isatty(STDIN_FILENO) == 1
    let hasScreen = isatty(STDOUT_FILENO) == 1
    /// How it was; nil when it is no terminal.
    private let settings: termios?
    private let takesKeys = Atomic(true)
    /// Keys were reported that nobody has looked at yet.
    private let isAwaiting = Atomic(false)
    private let isOver = Atomic(false)
    /// Bytes that are read at once.
    private static let most = 4096
    private let reader = NIOThreadPool(numberOfThreads: 1)

    init() {
        var settings = termios()
        self.settings = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &settings) == 0 ? settings : nil
    }

    /// Columns and rows; nil without a screen.
    var size: (columns: Int, rows: Int)? {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return nil }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Every key comes as it is typed, Ctrl-C too.
    func makeRaw() {
        guard var raw = settings else { return }
        cfmakeraw(&raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &raw)
    }

    /// Makes it as it was; a program that was left in the middle may have left its screen, its mouse and its colours.
    func restore() {
        guard var settings else { return }
        if hasScreen {
            let modes = ["?1049l", "?25h", "?1l", "?1000l", "?1002l", "?1006l", "?2004l", "0m"]
            _ = ByteBuffer(string: modes.map { "\u{1B}[" + $0 }.joined()).write(toDescriptor: STDOUT_FILENO)
        }
        tcsetattr(STDIN_FILENO, TCSADRAIN, &settings)
    }

    /// - Returns: false when nobody reads any more.
    func draw(_ bytes: ByteBuffer) -> Bool { bytes.write(toDescriptor: STDOUT_FILENO) }

    func clear() { if hasScreen { _ = ByteBuffer(string: "\u{1B}c").write(toDescriptor: STDOUT_FILENO) } }

    /// A line for the person; the cursor is at its beginning afterwards, in raw mode as well.
    func note(_ text: String) {
        let line = "[\(text.withoutControls)]"
        let whole = settings == nil ? line + "\n" : "\r\n\(line)\r\n"
        _ = ByteBuffer(string: whole).write(toDescriptor: STDERR_FILENO)
    }

    /// Whether more keys may come; until then they wait in the kernel.
    func takeKeys(_ takes: Bool) { takesKeys.store(takes, ordering: .relaxed) }

    /// The keys that were reported last were looked at.
    func keysTaken() { isAwaiting.store(false, ordering: .releasing) }

    /// Reads keys on a thread of its own.
    ///
    /// - Parameter report: Called on that thread: keys, or nil at the end of the input. More keys come only after
    ///   ``keysTaken()``.
    func read(_ report: @escaping @Sendable (ByteBuffer?) -> Void) {
        reader.start()
        reader.submit { [self] state in
            guard case .active = state else { return }
            while !isOver.load(ordering: .relaxed) {
                // Woken now and then, to see whether it is over.
                guard keysCome(within: 100) else { continue }
                // Whether there is room for them shows when the last ones were looked at.
                guard !isAwaiting.load(ordering: .acquiring), takesKeys.load(ordering: .relaxed) else {
                    usleep(2000)
                    continue
                }
                var bytes = ByteBuffer()
                let count = bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.most) { max(0, readKeys($0)) }
                guard count > 0 else { return report(nil) }
                isAwaiting.store(true, ordering: .relaxed)
                report(bytes)
            }
        }
    }

    func stop() {
        isOver.store(true, ordering: .relaxed)
        reader.shutdownGracefully { _ in }
    }
}

private func keysCome(within milliseconds: Int32) -> Bool {
    var keys = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    return poll(&keys, 1, milliseconds) > 0
}

private func readKeys(_ memory: UnsafeMutableRawBufferPointer) -> Int {
    read(STDIN_FILENO, memory.baseAddress, memory.count)
}
