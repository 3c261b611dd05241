public import NIOCore
import SwitchboardProtocol

/// What a client has said of its health, read field by field.
public struct HealthReading: Sendable {
    private let document: JSONDocument

    /// - Returns: nil when it is not a JSON object.
    public init?(_ health: ByteBuffer) {
        guard let document = try? JSONDocument(health) else { return nil }
        self.document = document
    }

    /// The value of a field; nil when there is none, or when it is neither a number, a text nor a boolean.
    ///
    /// The names of `path` lead through objects, numbers through lists. The last name `used` of an object without it is the
    /// share that is in use, 0...1, by its members `total` and `available` or `free`.
    public func value(at path: [String]) -> AlertValue? {
        guard let name = path.first, let slice = document[name] else { return nil }
        return Self.value(at: path.dropFirst(), of: slice, in: document)
    }

    private static func value(
        at path: ArraySlice<String>, of slice: JSONSlice, in document: JSONDocument
    ) -> AlertValue? {
        guard let name = path.first else { return plain(slice, document) }
        if let elements = document.elements(slice) {
            guard let index = Int(name), elements.indices.contains(index) else { return nil }
            return value(at: path.dropFirst(), of: elements[index], in: document)
        }
        guard let object = document.object(slice) else { return nil }
        if let member = object[name] { return value(at: path.dropFirst(), of: member, in: object) }
        return name == "used" && path.count == 1 ? used(of: object) : nil
    }

    private static func used(of object: JSONDocument) -> AlertValue? {
        guard let total = object["total"].flatMap(object.number), total > 0,
            let rest = (object["available"] ?? object["free"]).flatMap(object.number)
        else { return nil }
        return .number(min(max(1 - rest / total, 0), 1))
    }

    private static func plain(_ slice: JSONSlice, _ document: JSONDocument) -> AlertValue? {
        switch slice.kind {
        case .number: document.number(slice).map { .number($0) }
        case .string: document.string(slice).map { .text($0) }
        case .boolean: document.boolean(slice).map { .text($0 ? "true" : "false") }
        case .object, .array, .null: nil
        }
    }
}
