import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import SwitchboardTLS

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Says in a person's words why an attempt to connect failed.
package enum AttemptReason {
    package static func text(of error: any Error, endpoint: Endpoint) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let dns = error.dnsAError ?? error.dnsAAAAError, error.connectionErrors.isEmpty {
                return "\(endpoint.host) cannot be resolved: \(dns)"
            }
            guard let first = error.connectionErrors.first else { return "cannot reach \(endpoint.authority)" }
            return "cannot reach \(endpoint.authority): \(text(of: first.error, endpoint: endpoint))"
        case let error as IOError: return String(cString: strerror(error.errnoCode))
        case let error as HandshakeError: return error.description
        case ChannelError.connectTimeout(let time): return "no connection within \(time.seconds.brief) s"
        case ChannelError.eof, ChannelError.inappropriateOperationForState, ChannelError.ioOnClosedChannel:
            return "the connection ended during the handshake"
        case is NIOHTTPClientUpgradeError: return "the answer to the upgrade is not a WebSocket's: \(error)"
        case let error as HandshakeFault: return "TLS failed: \(error)"
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: return "TLS failed: \(error)"
        default: return "\(error)"
        }
    }
}
