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

    /// The payloads of the unmasked frames that were written since this was last asked; each must be whole.
    func messages() throws -> [ByteBuffer] {
        while true {
            let count = bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: 65_536) {
                max(0, recv(reader, $0.baseAddress, $0.count, CInt(MSG_DONTWAIT)))
            }
            if count == 0 { break }
        }
        var messages: [ByteBuffer] = []
        while bytes.readableBytes > 0 { messages.append(try #require(Self.frame(&bytes))) }
        return messages
    }

    /// RFC 6455 section 5.2.
    private static func frame(_ bytes: inout ByteBuffer) -> ByteBuffer? {
        guard bytes.readInteger(as: UInt8.self) != nil, let length = bytes.readInteger(as: UInt8.self) else {
            return nil
        }
        switch length {
        case 126: return bytes.readInteger(as: UInt16.self).flatMap { bytes.readSlice(length: Int($0)) }
        case 127: return bytes.readInteger(as: UInt64.self).flatMap { bytes.readSlice(length: Int($0)) }
        default: return bytes.readSlice(length: Int(length))
        }
    }
}
