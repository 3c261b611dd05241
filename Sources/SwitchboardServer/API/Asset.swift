import HTTPTypes
import Hummingbird
import NIOCore
import SwitchboardProtocol

/// A file that is built into the program.
struct Asset: Sendable {
    private let bytes: ByteBuffer
    private let headers: HTTPFields
    private let tag: String

    /// - Parameter maximumAge: Seconds for which it may be used without being asked for again.
    init(_ bytes: [UInt8], type: String, maximumAge: Int) {
        self.bytes = ByteBuffer(bytes: bytes)
        var fingerprint = Fingerprint()
        fingerprint.add(self.bytes)
        tag = "\"\(String(fingerprint.value, radix: 16))\""
        headers = [
            .contentType: type, .eTag: tag,
            .cacheControl: maximumAge > 0 ? "public, max-age=\(maximumAge)" : "no-cache",
            // A module is loaded by pages of other origins too, and holds no secret.
            .accessControlAllowOrigin: "*",
        ]
    }

    /// RFC 9110 section 13.1.2.
    func response(to request: Request) -> Response {
        let known = request.headers[.ifNoneMatch] ?? ""
        let tags = known.split(separator: ",").map { $0.filter { $0 != " " } }
        if tags.contains(where: { $0 == "*" || $0 == tag || $0 == "W/\(tag)" }) {
            return Response(status: .notModified, headers: headers)
        }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: bytes))
    }
}
