import NIOCore
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Two connected sockets: a session writes to one, the test reads from the other.
final class TestWire {
    /// The session's end.
    let descriptor: CInt
    private let reader: CInt
    private var bytes = ByteBuffer()

    init() {
        var ends: [CInt] = [-1, -1]
        #if canImport(Glibc)
            let type = CInt(SOCK_STREAM.rawValue)
        #else
            let type = SOCK_STREAM
        #endif
        #expect(socketpair(AF_UNIX, type, 0, &ends) == 0)
        (descriptor, reader) = (ends[0], ends[1])
    }

    deinit {
        close(descriptor)
        close(reader)
    }

    /// The peer sends bytes that nobody reads yet.
    func leaveUnread(_ text: String) {
        let sent = text.withCString { send(reader, $0, text.utf8.count, CInt(MSG_DONTWAIT)) }
        #expect(sent == text.utf8.count)
    }

    /// The peer closes: no more comes from it.
    func hangUp() { #expect(shutdown(reader, CInt(SHUT_WR)) == 0) }

    /// A frame as it was written, unmasked.
    struct Frame {
        let isCompressed: Bool
        let payload: ByteBuffer
    }

    /// The payloads of the frames that were written since this was last asked.
    func messages() throws -> [ByteBuffer] { try frames().map(\.payload) }

    /// The frames that were written since this was last asked; each must be whole.
    func frames() throws -> [Frame] {
        let frames = try peek()
        bytes.clear()
        return frames
    }

    /// The same, and they are still there.
    func peek() throws -> [Frame] {
        gather()
        var rest = bytes
        var frames: [Frame] = []
        while rest.readableBytes > 0 { frames.append(try #require(Self.frame(&rest))) }
        return frames
    }

    /// The bytes that were written since this was last asked.
    func take() -> ByteBuffer {
        gather()
        defer { bytes.clear() }
        return bytes
    }

    private func gather() {
        while true {
            let count = bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: 65_536) {
                max(0, recv(reader, $0.baseAddress, $0.count, CInt(MSG_DONTWAIT)))
            }
            if count == 0 { return }
        }
    }

    /// RFC 6455 section 5.2.
    private static func frame(_ bytes: inout ByteBuffer) -> Frame? {
        guard let first = bytes.readInteger(as: UInt8.self), let second = bytes.readInteger(as: UInt8.self) else {
            return nil
        }
        let length: Int? =
            switch second {
            case 126: bytes.readInteger(as: UInt16.self).map { Int($0) }
            case 127: bytes.readInteger(as: UInt64.self).map { Int($0) }
            default: Int(second)
            }
        return length.flatMap { bytes.readSlice(length: $0) }.map {
            Frame(isCompressed: first & 0x40 != 0, payload: $0)
        }
    }
}
