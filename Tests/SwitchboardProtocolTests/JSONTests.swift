import NIOCore
import SwitchboardProtocol
import Testing

/// JSON after RFC 8259.
@Suite struct JSONTests {
    static let valid = [
        "null", "true", "false", "0", "-0", "1", "-1", "10", "1.5", "-0.0", "1e5", "1E+5", "1e-5", "123.456e78",
        "1e400",
        #""""#, #""a""#, #""é€😀""#, #""\"\\\/\b\f\n\r\t""#, #""\u0041\uD83D\uDE00""#, #""\uD800""#, #""\u0000""#,
        "[]", "[ ]", "[1]", "[1,2]", "[[],[[]]]", #"[1,"a",null,true,{}]"#, "{}", "{ }", #"{"a":1}"#,
        #"{"a":{"b":[]}}"#,
        " \t\r\n1 \t\r\n", #" { "a" : [ 1 , 2 ] } "#, "\"\u{7F}\"", #"{"":0}"#, #"{"a":1,"a":2}"#,
        String(repeating: "[", count: 128) + String(repeating: "]", count: 128),
    ]

    static let invalid = [
        "", " ", "nul", "nulls", "True", "TRUE", "01", "-", "-a", "+1", ".5", "1.", "1.e5", "1e", "1e+", "0x10",
        "1_000", "NaN",
        "Infinity", "-Infinity", "'a'", #"""#, #""a"#, #""\""#, #""\x41""#, #""\u12""#, #""\u12G4""#, #""\U0041""#,
        "\"\n\"",
        "\"\t\"", "\"\u{0}\"", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1,,2]", "[1}", "{", "}", "{]",
        #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{,}"#, #"{a:1}"#, #"{1:1}"#, #"{"a":1 "b":2}"#, #"{"a"::1}"#, #"{"a":1"#,
        "1 2", "[] []", "{}x", "// a\n1", "/* a */1", "\u{FEFF}1", "\u{A0}1", "undefined",
        String(repeating: "[", count: 129) + String(repeating: "]", count: 129), String(repeating: "[", count: 100_000),
        String(repeating: #"{"a":"#, count: 100_000),
    ]

    @Test(arguments: valid) func accepts(text: String) {
        #expect(throws: Never.self) { try JSONDocument.validate(ByteBuffer(string: text)) }
    }

    @Test(arguments: invalid) func refuses(text: String) {
        #expect(throws: JSONError.self) { try JSONDocument.validate(ByteBuffer(string: text)) }
    }

    /// Overlong forms, surrogates, lone continuation bytes, cut sequences, beyond U+10FFFF.
    @Test(
        arguments: [
            [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0x80], [0xC3], [0xE2, 0x82],
            [0xF0, 0x9F, 0x98],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF],
        ] as [[UInt8]])
    func refusesInvalidUTF8(bytes: [UInt8]) {
        let text = ByteBuffer(bytes: [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")])
        #expect(throws: JSONError.self) { try JSONDocument.validate(text) }
        #expect(!UTF8Text.isValid(ByteBuffer(bytes: bytes)))
    }

    @Test func everyPrefixOfADocumentIsRefused() {
        let text = Array(#"{"a":[1,-2.5e3,"x\u00e9\n",true,false,null],"b":{"c":"d"}}"#.utf8)
        #expect(throws: Never.self) { try JSONDocument(ByteBuffer(bytes: text)) }
        for length in 0..<text.count {
            #expect(throws: JSONError.self) { try JSONDocument(ByteBuffer(bytes: text[..<length])) }
        }
    }

    @Test func readsMembers() throws {
        let document = try JSONDocument(
            ByteBuffer(
                string:
                    #" {"s": "a\tb", "n": -1.5, "i": 42, "t": true, "f": false, "z": null, "o": {"x": "y"}, "a": [1, "2"]} "#
            ))
        func slice(_ name: String) throws -> JSONSlice { try #require(document[name]) }
        #expect(document.members.map(\.name) == ["s", "n", "i", "t", "f", "z", "o", "a"])
        #expect(document.string(try slice("s")) == "a\tb")
        #expect(document.number(try slice("n")) == -1.5)
        #expect(document.integer(try slice("n")) == nil)
        #expect(document.integer(try slice("i")) == 42)
        #expect(document.boolean(try slice("t")) == true)
        #expect(document.boolean(try slice("f")) == false)
        #expect(try slice("z").kind == .null)
        #expect(document.stringMap(try slice("o"), limit: 1) == ["x": "y"])
        #expect(document.stringMap(try slice("a"), limit: 9) == nil)
        #expect(document.stringMap(try slice("o"), limit: 0) == nil)
        #expect(document.elements(try slice("a"))?.map { String(buffer: document.bytes(of: $0)) } == ["1", #""2""#])
        #expect(document.elements(try slice("o")) == nil)
        #expect(document.string(try slice("n")) == nil)
        #expect(document.number(try slice("s")) == nil)
        #expect(document.boolean(try slice("s")) == nil)
        #expect(document["missing"] == nil)
        let nested = try #require(document.object(try slice("o")))
        #expect(nested["x"].flatMap(nested.string) == "y")
    }

    @Test func readsFromTheMiddleOfABuffer() throws {
        var buffer = ByteBuffer(string: #"xx{"a": [1, 22]}"#)
        buffer.moveReaderIndex(forwardBy: 2)
        let document = try JSONDocument(buffer)
        let list = try #require(document["a"])
        #expect(document.bytes(of: list) == ByteBuffer(string: "[1, 22]"))
        #expect(document.elements(list)?.map(document.integer) == [1, 22])
    }

    @Test func valuesKeepTheirBytes() throws {
        let value = #"{ "b" : 1.0e2 , "a":"\u0041\/" }"#
        let document = try JSONDocument(ByteBuffer(string: #"{"data":"# + value + "}"))
        #expect(String(buffer: document.bytes(of: try #require(document["data"]))) == value)
    }

    @Test(arguments: ["[]", "1", #""a""#, "null", #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#])
    func refusesWhatIsNoObjectWithDistinctNames(text: String) {
        #expect(throws: JSONError.self) { try JSONDocument(ByteBuffer(string: text)) }
    }

    @Test func aNumberBeyondDoubleIsNoNumber() throws {
        let document = try JSONDocument(ByteBuffer(string: #"{"big": 1e400, "long": 99999999999999999999}"#))
        #expect(document.number(try #require(document["big"])) == nil)
        #expect(document.integer(try #require(document["long"])) == nil)
        #expect(document.number(try #require(document["long"])) == 1e20)
    }

    @Test(arguments: [
        (#""""#, ""), (#""plain""#, "plain"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
        (#""\u0041é\u00e9""#, "Aéé"),
        (#""\uD83D\uDE00""#, "😀"), (#""a\ud83d\ude00b""#, "a😀b"), (#""\uD83D\u0041""#, "\u{FFFD}A"),
        (#""\uDE00""#, "\u{FFFD}"),
        (#""\uD83D""#, "\u{FFFD}"), (#""\uD83D\n""#, "\u{FFFD}\n"), (#""\uD83Dx""#, "\u{FFFD}x"),
        (#""\\u0041""#, "\\u0041"),
        (#""\u0000""#, "\0"), (#""\uFFFF""#, "\u{FFFF}"),
    ])
    func unescapes(literal: String, text: String) throws {
        let document = try JSONDocument(ByteBuffer(string: #"{"a":"# + literal + "}"))
        let read = document.string(try #require(document["a"]))
        #expect(read.map { Array($0.unicodeScalars) } == Array(text.unicodeScalars))
    }

    @Test(arguments: [
        "", "plain", "\"\\/", "\u{0}\u{1}\u{1F}\u{7F}", "a\n\r\tb", "é€😀", "\u{2028}\u{FFFF}",
        String(repeating: "x\"", count: 500),
    ])
    func writesWhatItReads(text: String) throws {
        var buffer = ByteBuffer(string: #"{"a":"#)
        buffer.writeJSONString(text)
        buffer.writeString(#","b":"#)
        buffer.writeJSONString(utf8: ByteBuffer(string: text))
        buffer.writeString("}")
        let document = try JSONDocument(buffer)
        for name in ["a", "b"] {
            let read = document.string(try #require(document[name]))
            #expect(read.map { Array($0.utf8) } == Array(text.utf8))
        }
    }
}
