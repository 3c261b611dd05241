import NIOCore
import SwitchboardProtocol

/// A JSON object as `name  value` lines; nested objects and arrays of objects become dotted names.
struct FieldList {
    private var fields: [(name: String, value: String)] = []
    private let ages: Set<String>
    private let milliseconds: Set<String>

    /// - Parameters:
    ///   - ages: Members that are times and are shown with their age.
    ///   - milliseconds: Members that are durations in milliseconds.
    init(_ json: ByteBuffer, ages: Set<String> = [], milliseconds: Set<String> = []) throws(Failure) {
        self.ages = ages
        self.milliseconds = milliseconds
        let document: JSONDocument
        do throws(JSONError) { document = try JSONDocument(json) } catch {
            throw Failure("the server's answer is not understood: \(error)")
        }
        add(document, prefix: "")
    }

    private mutating func add(_ document: JSONDocument, prefix: String) {
        for (name, value) in document.members { add(document, value, name: prefix + name) }
    }

    private mutating func add(_ document: JSONDocument, _ value: JSONSlice, name: String) {
        if let object = document.object(value) {
            add(object, prefix: name + ".")
        } else if let elements = document.elements(value) {
            if elements.contains(where: { $0.kind == .object || $0.kind == .array }) {
                for (index, element) in elements.enumerated() { add(document, element, name: "\(name).\(index)") }
            } else {
                append(name, elements.map { text(document, $0) }.joined(separator: ", "))
            }
        } else {
            append(name, decorated(text(document, value), name: name))
        }
    }

    /// Names, too, are often the clients' own.
    private mutating func append(_ name: String, _ value: String) {
        fields.append((name.withoutControls, value.withoutControls))
    }

    private func text(_ document: JSONDocument, _ value: JSONSlice) -> String {
        document.string(value) ?? String(buffer: document.bytes(of: value))
    }

    private func decorated(_ text: String, name: String) -> String {
        if ages.contains(name) { return "\(text) (\(Age.text(since: text)) ago)" }
        if milliseconds.contains(name), let value = Double(text) { return ClientTable.milliseconds(value) }
        return text
    }

    func print() throws {
        let width = fields.map(\.name.count).max() ?? 0
        for field in fields {
            try Output.line(field.name + String(repeating: " ", count: width - field.name.count + 2) + field.value)
        }
    }
}
