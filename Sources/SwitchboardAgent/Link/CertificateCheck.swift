import NIOCore
import NIOSSL
import NIOTLS
import SwitchboardTLS

/// Directly behind TLS: lets nothing out until the node has shown one of the keys that are pinned, and says in a person's words
/// why a handshake failed.
final class CertificateCheck: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private let server: String
    /// None means that any key will do.
    private let pins: [CertificatePin]
    private var held: [(data: NIOAny, promise: EventLoopPromise<Void>?)] = []
    private var isFlushed = false

    /// - Parameter server: The node's name or address.
    init(server: String, pins: [CertificatePin]) {
        self.server = server
        self.pins = pins
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        held.append((data, promise))
    }

    func flush(context: ChannelHandlerContext) { isFlushed = true }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted? = event as? TLSUserEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        if let fault = fault(context) {
            context.fireErrorCaught(fault)
            discard(fault)
            return context.close(promise: nil)
        }
        for write in held { context.write(write.data, promise: write.promise) }
        held = []
        if isFlushed { context.flush() }
        context.fireUserInboundEventTriggered(event)
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    private func fault(_ context: ChannelHandlerContext) -> HandshakeFault? {
        guard !pins.isEmpty else { return nil }
        guard let certificate = certificate(context), let shown = try? CertificatePin(certificate) else {
            return HandshakeFault("the node shows no key that could be compared with those that are pinned")
        }
        return pins.contains(shown) ? nil : HandshakeFault("the node's key, \(shown), is none of those that are pinned")
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let fault: any Error = HandshakeFault(error, server: server, certificate: certificate(context)) ?? error
        context.fireErrorCaught(fault)
    }

    func channelInactive(context: ChannelHandlerContext) {
        discard(ChannelError.ioOnClosedChannel)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { discard(ChannelError.ioOnClosedChannel) }

    private func certificate(_ context: ChannelHandlerContext) -> NIOSSLCertificate? {
        try? context.pipeline.syncOperations.nioSSL_peerCertificate()
    }

    private func discard(_ error: any Error) {
        let writes = held
        held = []
        for write in writes { write.promise?.fail(error) }
    }
}
