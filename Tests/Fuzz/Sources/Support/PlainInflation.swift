import CZlib

@testable import SwitchboardWebSocket

/// Inflates whole messages, each from its beginning and into room for one byte more than is allowed.
final class PlainInflation {
    private let keepsContext: Bool
    private let windowBits: Int
    /// The end of what the messages before have said: a message may refer to it.
    private var dictionary: [UInt8] = []

    init(_ direction: DeflateAgreement.Direction) {
        keepsContext = direction.keepsContext
        windowBits = direction.keepsContext ? direction.windowBits : 15
    }

    /// - Parameter isWhole: Whether the message ends here, so that what ends every message is put behind it.
    /// - Returns: What came out, and why nothing more did.
    func inflate(_ wire: [UInt8], isWhole: Bool, limit: Int) -> ([UInt8], DeflateError?) {
        var stream = z_stream()
        guard inflateInit2_(&stream, -CInt(windowBits), ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK else {
            return ([], .unavailable)
        }
        defer { inflateEnd(&stream) }
        inflateSetDictionary(&stream, dictionary, uInt(dictionary.count))
        var output = [UInt8](repeating: 0, count: limit + 1)
        var end = Self.run(&stream, wire, into: &output, from: 0)
        // A final block may stand for what ends every message, and a message of no bytes is an empty one.
        if isWhole, !wire.isEmpty, end.isSound, !end.isBetweenStreams {
            end = Self.run(&stream, [0, 0, 0xFF, 0xFF], into: &output, from: end.count)
            if end.isSound, end.count <= limit, stream.data_type & 0xFF != 0x80 {
                return (Array(output.prefix(end.count)), .truncated)
            }
        }
        guard end.count <= limit else { return (Array(output.prefix(limit)), .tooBig) }
        let bytes = Array(output.prefix(end.count))
        guard end.isSound else { return (bytes, .corrupt) }
        if isWhole, keepsContext { dictionary = (dictionary + bytes).suffix(1 << windowBits) }
        return (bytes, nil)
    }

    private struct End {
        /// Bytes that have come out in all.
        var count: Int
        var isSound: Bool
        var isBetweenStreams: Bool
    }

    private static func run(
        _ stream: inout z_stream, _ input: [UInt8], into output: inout [UInt8], from start: Int
    ) -> End {
        var result = Z_OK
        input.withUnsafeBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = uInt(input.count)
                stream.next_out = output.baseAddress?.advanced(by: start)
                stream.avail_out = uInt(output.count - start)
                repeat {
                    result = CZlib.inflate(&stream, Z_SYNC_FLUSH)
                    if result == Z_STREAM_END { inflateResetKeep(&stream) }
                } while result == Z_STREAM_END && stream.avail_in > 0 && stream.avail_out > 0
            }
        }
        return End(
            count: output.count - Int(stream.avail_out), isSound: [Z_OK, Z_STREAM_END, Z_BUF_ERROR].contains(result),
            isBetweenStreams: result == Z_STREAM_END)
    }
}
