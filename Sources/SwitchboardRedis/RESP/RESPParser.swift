import CHiredis
import NIOCore

/// Parses RESP2 with hiredis' reader.
///
/// The reader is given functions of our own that build each value straight from its buffer, so that a bulk string is copied
/// out of it once, into the `ByteBuffer` that travels on. After an error the parser only repeats it.
struct RESPParser: ~Copyable {
    /// More than this is fed in pieces. The reader moves what is left in its buffer to the front after every KB or so that it
    /// consumed; in a burst of small messages that would move far more than is read.
    private static let piece = 8 * 1024
    /// The reader gives its buffer back when it is empty and larger than this.
    private static let keptBuffer = 1024 * 1024

    private let reader: UnsafeMutablePointer<redisReader>
    private let builder: RESPBuilder
    private let limit: Int
    private var unanswered = 0
    private var failure: RESPError?

    /// - Parameters:
    ///   - symbols: Bulk strings that become ``RESPReply/symbol(_:)``.
    ///   - limit: The most bytes that one reply may have.
    init(symbols: [String] = [], limit: Int = 64 << 20) throws(RESPError) {
        guard let reader = redisReaderCreateWithFunctions(RESPBuilder.functions.pointer) else { throw .outOfMemory }
        self.reader = reader
        self.builder = RESPBuilder(symbols: symbols)
        self.limit = limit
        reader.pointee.maxbuf = Self.keptBuffer
        reader.pointee.privdata = Unmanaged.passUnretained(builder).toOpaque()
    }

    deinit { redisReaderFree(reader) }

    /// Takes what was read from the connection and hands out every reply that is complete.
    mutating func parse(_ bytes: ByteBuffer, _ body: (RESPReply) -> Void) throws(RESPError) {
        var bytes = bytes
        while let piece = bytes.readSlice(length: min(bytes.readableBytes, Self.piece)), piece.readableBytes > 0 {
            try feed(piece)
            while let reply = try next() { body(reply) }
        }
    }

    mutating func feed(_ bytes: ByteBuffer) throws(RESPError) {
        if let failure { throw failure }
        unanswered += bytes.readableBytes
        let status = bytes.withUnsafeReadableBytes { bytes in
            redisReaderFeed(reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        guard status == REDIS_OK else { throw fail() }
    }

    /// The next reply, or nil when it is not complete yet.
    mutating func next() throws(RESPError) -> RESPReply? {
        if let failure { throw failure }
        var object: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &object) == REDIS_OK else { throw fail() }
        guard object != nil, let reply = builder.take() else {
            guard unanswered <= limit else {
                failure = .tooLong(limit: limit)
                throw .tooLong(limit: limit)
            }
            return nil
        }
        unanswered = reader.pointee.len - reader.pointee.pos
        return reply
    }

    private mutating func fail() -> RESPError {
        let error: RESPError
        if reader.pointee.err == REDIS_ERR_OOM {
            // This is also how hiredis 1.x reports a value that the builder refuses, such as those of RESP3.
            error = .malformed("a type that only RESP3 has, or no memory")
        } else {
            error = withUnsafeBytes(of: reader.pointee.errstr) { text in
                .malformed(String(decoding: text.prefix { $0 != 0 }, as: UTF8.self))
            }
        }
        failure = error
        return error
    }
}
