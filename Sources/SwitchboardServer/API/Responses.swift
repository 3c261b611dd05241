import HTTPTypes
import Hummingbird
import NIOCore
import SwitchboardProtocol

extension Problem {
    var response: Response {
        var headers: HTTPFields = [.contentType: Self.contentType]
        for (name, value) in self.headers { headers[optional: HTTPField.Name(name)] = value }
        return Response(
            status: HTTPResponse.Status(code: status), headers: headers, body: ResponseBody(byteBuffer: document))
    }
}

extension Response {
    static func json(_ body: ByteBuffer, status: HTTPResponse.Status = .ok) -> Response {
        Response(status: status, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: body))
    }

    /// An object, with status 200.
    static func json(_ members: (inout JSONObjectWriter) -> Void) -> Response {
        .json(JSONObjectWriter.document(members))
    }

    static let noContent = Response(status: .noContent)
}

/// Field names that the HTTP vocabulary does not have. Their initialiser is failable, though these are valid.
enum FieldName {
    static let requestID = HTTPField.Name("X-Request-Id")
    static let prefer = HTTPField.Name("Prefer")
    static let idempotencyKey = HTTPField.Name("Idempotency-Key")
    static let preferenceApplied = HTTPField.Name("Preference-Applied")
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")
    static let accelBuffering = HTTPField.Name("X-Accel-Buffering")
}

extension HTTPFields {
    subscript(optional name: HTTPField.Name?) -> String? {
        get { name.flatMap { self[$0] } }
        set { if let name { self[name] = newValue } }
    }
}
