import NIOCore

/// Recognises the push requests that nearly every client sends, in the bytes of a connection.
///
/// It understands less than HTTP allows, on purpose: one spelling of each thing it needs to know. Whatever looks different in
/// any way (another method or route, chunked bodies, `Expect`, escapes in the path, odd line ends, a repeated header that
/// matters, an `Origin`, of which pages are asked) is `other` and goes to the real HTTP parser. So a request is never framed
/// in two ways, and every refusal of broken HTTP is the parser's.
struct PushRequestParser {
    enum Result {
        /// The beginning of a push request; that many bytes at least are needed in all.
        case incomplete(needed: Int)
        /// The head of a push request is there; that many bytes are needed in all.
        case head(Head, needed: Int)
        case other
        /// Too few bytes to tell what it is.
        case undecided
        case request(Request)
    }

    /// What has to be known before anything else is.
    struct Head {
        let route: PushRoute
        /// Where in the request the value of the header `Authorization` is.
        let authorization: Range<Int>?
    }

    struct Request {
        let head: Head
        let push: PushRequest
        let requestID: String?
        /// The client closes after this one.
        let isLast: Bool
        /// The length of the request in bytes.
        let length: Int
    }

    /// The longest head in bytes.
    static let maximumHeadBytes = 16 * 1024

    let bodyLimit: Int

    func parse(_ buffer: ByteBuffer) -> Result {
        buffer.withUnsafeReadableBytes { bytes in
            guard let head = RequestHead.find(in: bytes) else {
                if RequestHead.begins(bytes, with: RequestHead.opening) {
                    return bytes.count < Self.maximumHeadBytes && RequestHead.hasWholeLineEnds(bytes)
                        ? .incomplete(needed: bytes.count + 1) : .other
                }
                return RequestHead.beginsForSocket(bytes) && RequestHead.end(in: bytes) == nil
                    && RequestHead.hasWholeLineEnds(bytes)
                    && bytes.count < Self.maximumHeadBytes ? .undecided : .other
            }
            guard let fields = PushRequestFields(head) else { return .other }
            guard bodyLimit == 0 || fields.contentLength <= bodyLimit else { return .other }
            let length = head.count + fields.contentLength
            let start = Head(route: fields.route, authorization: fields.authorization)
            guard bytes.count >= length else { return .head(start, needed: length) }
            guard let body = buffer.getSlice(at: buffer.readerIndex + head.count, length: fields.contentLength) else {
                return .other
            }
            return .request(
                Request(
                    head: start, push: fields.push(body), requestID: fields.requestID, isLast: fields.isLast,
                    length: length))
        }
    }
}

extension PushRequestParser {
    /// Whether the request asks for `/ws` or `/v1/live` and for an upgrade to WebSocket: no other can upgrade.
    func isSocketRequest(_ buffer: ByteBuffer) -> Bool {
        buffer.withUnsafeReadableBytes { bytes in
            guard RequestHead.beginsForSocket(bytes), let end = RequestHead.end(in: bytes) else {
                return false
            }
            return RequestHead.asksForWebSocket(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
        }
    }
}
