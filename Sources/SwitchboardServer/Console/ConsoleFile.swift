import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// A file of the console as it goes to browsers, compressed for those that take gzip.
final class ConsoleFile: Sendable {
    /// Nothing but our own files; the terminal writes styles into its elements. `ws:` names the node for browsers to which
    /// `'self'` means HTTP alone.
    private static let policy = [
        "default-src 'none'", "script-src 'self'", "style-src 'self' 'unsafe-inline'", "connect-src 'self' ws: wss:",
        "img-src 'self' data:", "font-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    ].joined(separator: "; ")

    private let bytes: ByteBuffer
    private let headers: HTTPFields
    private let tag: String
    /// Made when somebody takes it first; nil when zlib has no memory.
    private let compressed = Mutex<ByteBuffer??>(nil)

    /// - Parameter name: Its extension tells the type.
    init(_ bytes: ByteBuffer, name: String) {
        self.bytes = bytes
        var fingerprint = Fingerprint()
        fingerprint.add(bytes)
        tag = String(fingerprint.value, radix: 16)
        var headers: HTTPFields = [
            .contentType: Self.type(of: name), .cacheControl: "no-cache", .vary: "Accept-Encoding",
            .contentSecurityPolicy: Self.policy, .xContentTypeOptions: "nosniff",
        ]
        headers[optional: FieldName.referrerPolicy] = "no-referrer"
        self.headers = headers
    }

    /// RFC 9110 sections 12.5.3 and 13.1.2.
    func response(to request: Request) -> Response {
        var headers = headers
        // Two representations, two tags.
        let encoded = Self.takesGzip(request.headers[values: .acceptEncoding]) ? gzip() : nil
        headers[.eTag] = encoded == nil ? "\"\(tag)\"" : "\"\(tag)-gzip\""
        if encoded != nil { headers[.contentEncoding] = "gzip" }
        let known = request.headers[values: .ifNoneMatch].joined(separator: ",").split(separator: ",")
            .map { String($0.filter { $0 != " " }) }
        let tags = ["*", "\"\(tag)\"", "\"\(tag)-gzip\"", "W/\"\(tag)\"", "W/\"\(tag)-gzip\""]
        if known.contains(where: tags.contains) { return Response(status: .notModified, headers: headers) }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: encoded ?? bytes))
    }

    private func gzip() -> ByteBuffer? {
        compressed.withLock { known in
            if let known { return known }
            let made = Gzip.compress(bytes)
            known = .some(made)
            return made
        }
    }

    /// Whether gzip is named and not excluded by a quality of 0; what only `*` allows goes uncompressed.
    static func takesGzip(_ values: [String]) -> Bool {
        for value in values {
            for item in value.split(separator: ",") {
                let parts = item.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
                guard let coding = parts.first, coding == "gzip" || coding == "x-gzip" else { continue }
                let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 1 } ?? 1
                return quality > 0
            }
        }
        return false
    }

    static func type(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "svg": "image/svg+xml"
        default: "application/octet-stream"
        }
    }
}
