import HTTPTypes
import Hummingbird
import Instrumentation
import SwitchboardProtocol

extension Request {
    /// The trace context in the request's headers, if it is valid.
    var traceContext: TraceContext? { W3CInstrument.context(of: headers, using: HTTPFieldsReader()) }
}

/// Reads a context from the fields of an HTTP message; several of one name are joined by commas.
private struct HTTPFieldsReader: Extractor {
    func extract(key: String, from carrier: HTTPFields) -> String? { HTTPField.Name(key).flatMap { carrier[$0] } }
}
