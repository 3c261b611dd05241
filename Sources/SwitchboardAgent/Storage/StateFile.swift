import NIOCore
import SwitchboardProtocol

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The file that keeps an ``AgentMemory`` over a restart of the process.
///
/// Records are appended, one `write` each, so that what was written counts even when the process is killed the next moment.
/// (What the kernel had not yet put on the disk is lost when the machine loses its power; that a signed command came is put
/// there at once.) When as much was appended as the
/// memory itself takes, and at every start, the file is written anew beside the old one and renamed over it. The open
/// file is locked against a second agent; the folder is put on the disk as well, or the old file could come back.
struct StateFile: Sendable {
    /// - Returns: 0 when it is there.
    typealias Sync = @Sendable (CInt) -> CInt

    /// So many bytes are appended at least before the file is written anew.
    private static let slack = 256 << 10
    /// No state file is larger; the memory's own limits keep it under a fifth of this.
    private static let limit = 256 << 20

    private let path: String
    private let client: ClientID?
    private let sync: Sync
    private var file: CInt
    private var snapshotBytes = 0
    private var appendedBytes = 0

    /// Opens and locks the file, or makes it, and reads what it holds. It blocks.
    ///
    /// - Parameters:
    ///   - client: Whose file it is; that of another client is refused.
    ///   - channels: The histories that the agent follows; where others stand is forgotten.
    ///   - now: Unix time in seconds.
    ///   - sync: Puts an open file or folder on the disk, as `fsync` does.
    static func open(
        path: String, client: ClientID?, channels: Set<String>, now: Int, sync: @escaping Sync = { fsync($0) }
    ) throws(AgentError) -> (file: StateFile, memory: AgentMemory) {
        let file = try locked(path)
        do throws(AgentError) {
            let text = try contents(of: file, path: path)
            var memory: AgentMemory
            do throws(StateText.Mismatch) { memory = try StateText.memory(text, client: client) } catch {
                throw AgentError.stateFile("\(path) cannot be used: \(error)")
            }
            memory.commands.interrupt(at: now)
            memory.keep(channels: channels)
            var state = StateFile(path: path, client: client, file: file, sync: sync)
            try state.rewrite(memory)
            return (state, memory)
        } catch {
            systemClose(file)
            throw error
        }
    }

    private init(path: String, client: ClientID?, file: CInt, sync: @escaping Sync) {
        self.path = path
        self.sync = sync
        self.client = client
        self.file = file
    }

    /// Writes a record; it counts from now on, whatever happens to the process.
    ///
    /// - Parameter memory: With the record applied to it already.
    mutating func append(_ record: StateRecord, memory: AgentMemory) throws(AgentError) {
        var line = ByteBuffer()
        record.write(into: &line)
        try Self.write(line, to: file, path: path)
        // Whoever can cut the power must not win a repetition by it.
        if case .sealed = record, sync(file) != 0 { throw Self.failure("\(path) cannot be written") }
        appendedBytes += line.readableBytes
        if appendedBytes > max(Self.slack, snapshotBytes) { try rewrite(memory) }
    }

    func close() {
        // A program that is being started has the file, too, for a moment, and with it the lock.
        flock(file, LOCK_UN)
        systemClose(file)
    }

    // MARK: writing anew

    private mutating func rewrite(_ memory: AgentMemory) throws(AgentError) {
        let text = StateText.text(of: memory, client: client)
        let temporary = path + ".new"
        let new = systemOpen(temporary, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC)
        guard new >= 0 else { throw Self.failure("\(temporary) cannot be made") }
        do throws(AgentError) {
            try Self.lock(new, path: temporary)
            try Self.write(text, to: new, path: temporary)
            guard sync(new) == 0 else { throw Self.failure("\(temporary) cannot be written") }
            guard rename(temporary, path) == 0 else { throw Self.failure("\(path) cannot be replaced") }
            try syncFolder()
        } catch {
            systemClose(new)
            throw error
        }
        systemClose(file)
        file = new
        snapshotBytes = text.readableBytes
        appendedBytes = 0
    }

    /// That the name means the new file is on the disk only with the folder.
    private func syncFolder() throws(AgentError) {
        let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let folder = systemOpen(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw Self.failure("\(parent) cannot be opened") }
        defer { systemClose(folder) }
        guard sync(folder) == 0 else { throw Self.failure("\(parent) cannot be written") }
    }

    // MARK: system calls

    /// The file at `path`, locked. Between the opening and the locking another agent may have replaced the file: then the lock
    /// is one on a file that is gone, and worth nothing.
    private static func locked(_ path: String) throws(AgentError) -> CInt {
        while true {
            let file = systemOpen(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC)
            guard file >= 0 else { throw failure("\(path) cannot be opened") }
            do throws(AgentError) { try lock(file, path: path) } catch {
                systemClose(file)
                throw error
            }
            var (opened, named) = (stat(), stat())
            if fstat(file, &opened) == 0, stat(path, &named) == 0, opened.st_ino == named.st_ino,
                opened.st_dev == named.st_dev
            {
                return file
            }
            systemClose(file)
        }
    }

    private static func lock(_ file: CInt, path: String) throws(AgentError) {
        while flock(file, LOCK_EX | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { throw .stateFile("\(path) is in use by another agent") }
            guard errno == EINTR else { throw failure("\(path) cannot be locked") }
        }
    }

    private static func contents(of file: CInt, path: String) throws(AgentError) -> ByteBuffer {
        var all = ByteBuffer()
        while all.readableBytes <= limit {
            var result = 0
            all.writeWithUnsafeMutableBytes(minimumWritableBytes: 64 << 10) { bytes in
                result = read(file, bytes.baseAddress, bytes.count)
                return max(result, 0)
            }
            if result == 0 { return all }
            if result < 0, errno != EINTR { throw failure("\(path) cannot be read") }
        }
        throw .stateFile("\(path) has more than \(limit) bytes")
    }

    private static func write(_ text: ByteBuffer, to file: CInt, path: String) throws(AgentError) {
        guard text.write(toDescriptor: file) else { throw failure("\(path) cannot be written") }
    }

    private static func failure(_ text: String) -> AgentError {
        .stateFile("\(text): \(String(cString: strerror(errno)))")
    }
}

private func systemOpen(_ path: String, _ flags: CInt) -> CInt { open(path, flags, 0o600) }
private func systemClose(_ file: CInt) { _ = close(file) }
