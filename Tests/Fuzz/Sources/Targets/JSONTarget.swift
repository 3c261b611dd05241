import Foundation
import NIOCore

@testable import SwitchboardProtocol

/// JSON is what Foundation takes for JSON, and means the same; any text survives as a string.
enum JSONTarget {
    static func check(_ input: UnsafeRawBufferPointer) {
        let bytes = ByteBuffer(bytes: input)
        expect(
            UTF8Text.isValid(input) == (String(validating: input, as: UTF8.self) != nil),
            "UTF-8 is what the standard library takes for it")
        var refusal: JSONError?
        do throws(JSONError) { try JSONDocument.validate(bytes) } catch { refusal = error }
        let reference = Result { try foundation(input) }
        agrees(input, refusal, reference)
        if refusal == nil { staysJSON(bytes) }
        means(bytes, refusal, reference)
        surviveAsString(String(buffer: bytes))
    }

    private static func agrees(
        _ input: UnsafeRawBufferPointer, _ refusal: JSONError?, _ reference: Result<Any, any Error>
    ) {
        switch (refusal, reference) {
        case (nil, .failure(let error)):
            expect(isStricter(input), "what is taken for JSON is JSON to Foundation: \(error)")
        case (let refusal?, .success):
            expect(
                refusal.message == "nested too deeply" || isOtherEncoding(input) || isTrailingComma(input, refusal),
                "what Foundation takes for JSON is taken: \(refusal)")
        default: break
        }
    }

    private static func foundation(_ input: UnsafeRawBufferPointer) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(input), options: .fragmentsAllowed)
    }

    /// Foundation refuses lone surrogates and numbers that no Double holds, which RFC 8259 leaves to the reader.
    private static func isStricter(_ input: UnsafeRawBufferPointer) -> Bool {
        let text = String(decoding: input, as: UTF8.self).lowercased()
        return text.contains("\\ud") || text.contains("e") || input.count > 300
    }

    /// Foundation also reads UTF-16 and UTF-32, and passes over a byte order mark (RFC 8259 section 8.1 allows neither to be sent).
    private static func isOtherEncoding(_ input: UnsafeRawBufferPointer) -> Bool {
        input.contains(0) || input.starts(with: [0xEF, 0xBB, 0xBF]) || !UTF8Text.isValid(input)
    }

    /// Foundation passes over a comma behind the last member or element, which RFC 8259 does not.
    private static func isTrailingComma(_ input: UnsafeRawBufferPointer, _ refusal: JSONError) -> Bool {
        let isClosed =
            refusal.offset < input.count && [UInt8(ascii: "}"), UInt8(ascii: "]")].contains(input[refusal.offset])
        return isClosed && input[..<refusal.offset].last { $0 > 0x20 } == UInt8(ascii: ",")
    }

    private static func staysJSON(_ bytes: ByteBuffer) {
        let line = bytes.jsonOnOneLine
        expect(!line.readableBytesView.contains(UInt8(ascii: "\n")), "JSON on one line has no line break")
        expect((try? JSONDocument.validate(line)) != nil, "JSON on one line is JSON")
        expect(line.readableBytes == bytes.readableBytes, "nothing is left out of JSON on one line")
    }

    /// Every member of an object is what Foundation says that it is.
    private static func means(_ bytes: ByteBuffer, _ refusal: JSONError?, _ reference: Result<Any, any Error>) {
        let document: JSONDocument
        do throws(JSONError) { document = try JSONDocument(bytes) } catch {
            let isObject = bytes.readableBytesView.first { $0 > 0x20 } == UInt8(ascii: "{")
            expect(
                refusal != nil || !isObject || error.message.hasSuffix("is given twice")
                    || error.message.hasPrefix("the name of a member is longer"),
                "an object that is JSON can be read: \(error)")
            return
        }
        expect(refusal == nil, "what can be read is JSON")
        var object = (try? reference.get()) as? [String: Any]
        if let members = object {
            // To Foundation two names are one when Unicode means the same by them.
            let names = Set(document.members.map(\.name))
            expect(members.count == names.count, "an object has the members that Foundation sees")
            if names.count < document.members.count { object = nil }
        }
        for (name, slice) in document.members {
            expect((try? JSONDocument.validate(document.bytes(of: slice))) != nil, "a value is JSON by itself")
            expect(document[name] == slice, "a member is found by its name")
            _ = (document.integer(slice), document.stringMap(slice, limit: 100))
            if let elements = document.elements(slice) {
                for element in elements {
                    expect((try? JSONDocument.validate(document.bytes(of: element))) != nil, "an element is JSON")
                }
            }
            guard let value = object?[name] else { continue }
            if let text = document.string(slice) {
                expect((value as? String)?.utf8.elementsEqual(text.utf8) == true, "a text is the same to Foundation")
            }
            if let number = document.number(slice) {
                expect(isSame(number, value as? NSNumber), "a number is the same to Foundation")
            }
            if let isTrue = document.boolean(slice) {
                expect((value as? Bool) == isTrue, "a truth is the same to Foundation")
            }
        }
    }

    /// Integers of more than 64 bits are to Foundation decimals of 38 digits, of which it does not always give the nearest Double.
    private static func isSame(_ number: Double, _ reference: NSNumber?) -> Bool {
        guard let reference else { return false }
        if reference.doubleValue == number { return true }
        return reference is NSDecimalNumber && abs(reference.doubleValue - number) < abs(number) * 1e-13
    }

    private static func surviveAsString(_ text: String) {
        var object = ByteBuffer()
        var json = JSONObjectWriter(taking: &object)
        json.string("text", text)
        let name = text.prefix(bytes: JSONDocument.maximumNameBytes - 1) + "x"
        json.string(named: name, text)
        object = json.finish()
        guard let document = try? JSONDocument(object), let slice = document["text"] else {
            violated("what is written is JSON")
        }
        expect(document.string(slice)?.utf8.elementsEqual(text.utf8) == true, "a text is read as it was written")
        expect(document.members.last?.name.hasSameBytes(as: name) == true, "so is a name")
    }
}
