internal import CZlib
public import NIOCore

/// Inflates messages piece by piece, never beyond a limit (RFC 7692 section 7.2.2). Belongs to one event loop.
///
/// It holds about 7 KB, and from the first message on 2^windowBits bytes more.
public final class Inflater {
    public let keepsContext: Bool
    private let stream: UnsafeMutablePointer<z_stream>
    /// Bytes of the message that is under way have come.
    private var isWithinMessage = false
    /// A final block has ended, and nothing has come since.
    private var isBetweenStreams = false

    /// - Parameters:
    ///   - windowBits: 8...15, at least what the sender uses.
    ///   - keepsContext: Messages may refer to those before them (context takeover).
    /// - Throws: ``DeflateError/unavailable``.
    public init(windowBits: Int = 15, keepsContext: Bool = false) throws(DeflateError) {
        self.keepsContext = keepsContext
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result: CInt =
            (8...15).contains(windowBits)
            ? inflateInit2_(stream, -CInt(windowBits), ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
            : Z_STREAM_ERROR
        guard result == Z_OK else { throw .unavailable }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Inflates the next piece of a message and appends what it gives.
    ///
    /// - Parameters:
    ///   - output: The message up to here.
    ///   - limit: How many bytes `output` may hold; no more memory is taken for it.
    /// - Throws: ``DeflateError``: the message is lost and the connection to be closed.
    public func inflate(_ piece: ByteBuffer, into output: inout ByteBuffer, limit: Int) throws(DeflateError) {
        try piece.withUnsafeReadableBytes { input in run(input, into: &output, limit: limit) }.get()
    }

    /// Ends the message: what is still to come out comes out, and the message must be whole.
    ///
    /// A message of no bytes at all is taken for an empty one: it should be one byte (RFC 7692 section 7.2.3.6), but a sender
    /// whose zlib had nothing to flush sends none. So is a final block (section 7.2.3.4) without an empty block behind it.
    ///
    /// - Throws: as ``inflate(_:into:limit:)``, and ``DeflateError/truncated``.
    public func finish(into output: inout ByteBuffer, limit: Int) throws(DeflateError) {
        if isWithinMessage, !isBetweenStreams {
            var tail = Deflater.tail.bigEndian
            try withUnsafeBytes(of: &tail) { run($0, into: &output, limit: limit) }.get()
            // At the start of a block, with no bit left over (zlib.h, inflate()).
            guard stream.pointee.data_type & 0xFF == 0x80 else { throw .truncated }
        }
        isWithinMessage = false
        if !keepsContext { try reset() } else if isBetweenStreams { try goOn() }
    }

    /// Forgets the message that is under way and all before it.
    public func reset() throws(DeflateError) {
        isWithinMessage = false
        isBetweenStreams = false
        guard inflateReset(stream) == Z_OK else { throw .unavailable }
    }

    /// Expects more behind a final block. The window stays: a later block may refer to what was before.
    private func goOn() throws(DeflateError) {
        isBetweenStreams = false
        guard inflateResetKeep(stream) == Z_OK else { throw .unavailable }
    }

    private func run(
        _ input: UnsafeRawBufferPointer, into output: inout ByteBuffer, limit: Int
    ) -> Result<Void, DeflateError> {
        guard input.count <= Int(Int32.max) else { return .failure(.tooBig) }
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: Bytef.self)
        stream.pointee.avail_in = uInt(input.count)
        defer { stream.pointee.next_in = nil }
        isWithinMessage = isWithinMessage || !input.isEmpty
        while true {
            if isBetweenStreams {
                guard stream.pointee.avail_in > 0 else { return .success(()) }
                do throws(DeflateError) { try goOn() } catch { return .failure(error) }
            }
            let room = limit - output.readableBytes
            let result = room > 0 ? fill(&output, atMost: room) : probe()
            let isFull = stream.pointee.avail_out == 0
            // Also when a fault follows in the same piece: in the next one it would not have been seen.
            if room <= 0, isFull { return .failure(.tooBig) }
            switch result {
            case Z_OK, Z_STREAM_END:
                isBetweenStreams = result == Z_STREAM_END
                // What has filled all that it was given may have more to give.
                if !isFull, stream.pointee.avail_in == 0 { return .success(()) }
            // It had no more to give.
            case Z_BUF_ERROR: return .success(())
            case Z_MEM_ERROR: return .failure(.unavailable)
            default: return .failure(.corrupt)
            }
        }
    }

    private func fill(_ output: inout ByteBuffer, atMost room: Int) -> CInt {
        var result = Z_OK
        let step = min(room, max(256, 4 * Int(stream.pointee.avail_in)), Self.largestStep)
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: step) { free in
            let free = UnsafeMutableRawBufferPointer(rebasing: free.prefix(min(room, Int(Int32.max))))
            stream.pointee.next_out = free.baseAddress?.assumingMemoryBound(to: Bytef.self)
            stream.pointee.avail_out = uInt(free.count)
            result = CZlib.inflate(stream, Z_SYNC_FLUSH)
            return free.count - Int(stream.pointee.avail_out)
        }
        return result
    }

    /// The limit is reached: whether another byte would come out, which what ends the message does not give.
    private func probe() -> CInt {
        var byte: Bytef = 0
        return withUnsafeMutablePointer(to: &byte) { byte in
            stream.pointee.next_out = byte
            stream.pointee.avail_out = 1
            defer { stream.pointee.next_out = nil }
            return CZlib.inflate(stream, Z_SYNC_FLUSH)
        }
    }

    /// Memory is taken in such steps, so a few bytes that inflate to much do not take much before they have given it.
    private static let largestStep = 16_384
}
