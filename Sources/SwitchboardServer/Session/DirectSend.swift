import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One `send` on a socket, without a walk through the channel's pipeline.
enum DirectSend {
    enum Outcome {
        /// The kernel took that many bytes, none perhaps.
        case took(Int)
        /// The connection is gone.
        case failed
    }

    @inline(__always)
    static func send(_ bytes: UnsafeRawBufferPointer, to descriptor: CInt) -> Outcome {
        while true {
            let count = sendBytes(descriptor, bytes)
            if count >= 0 { return .took(count) }
            switch errno {
            case EINTR: continue
            case EAGAIN, EWOULDBLOCK, ENOBUFS: return .took(0)
            default: return .failed
            }
        }
    }

    /// `POLLRDHUP`, which the C library shows to those alone who ask for GNU extensions.
    private static let peerHasClosed: Int16 = 0x2000

    /// Whether the peer has closed, also when what it sent before is still unread (poll(2)).
    static func isClosedByPeer(_ descriptor: CInt) -> Bool {
        var entry = pollfd(fd: descriptor, events: peerHasClosed, revents: 0)
        return poll(&entry, 1, 0) > 0
    }

    /// Whether a listening socket holds connections that nobody has accepted yet, or another one bytes that nobody has read.
    static func isAwaited(_ descriptor: CInt) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) > 0
    }

    @inline(__always)
    private static func sendBytes(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
        // A peer that is gone must be an error here, not a SIGPIPE that ends the process.
        #if canImport(Glibc)
            Glibc.send(descriptor, bytes.baseAddress, bytes.count, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL))
        #else
            Musl.send(descriptor, bytes.baseAddress, bytes.count, CInt(MSG_DONTWAIT | MSG_NOSIGNAL))
        #endif
    }
}
