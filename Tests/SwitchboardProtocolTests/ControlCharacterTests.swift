import NIOCore
import SwitchboardProtocol
import Testing

struct ControlCharacterTests {
    @Test(arguments: [
        ("\u{1B}]0;title\u{7}", #"\u{1B}]0;title\u{7}"#), ("a\r\n\tb", #"a\r\n\tb"#), ("\u{9B}2J", #"\u{9B}2J"#),
        ("\u{202E}x\u{2066}", #"\u{202E}x\u{2066}"#),
        ("Grüße \u{1F468}\u{200D}\u{1F469}", "Grüße \u{1F468}\u{200D}\u{1F469}"),
    ])
    func areWrittenOut(text: String, shown: String) {
        #expect(text.withoutControls == shown)
    }

    @Test func aDocumentMeansTheSame() throws {
        let text = "{\n\t\"a\": \"\u{9B}31m\u{7F}\u{2028}\u{202E}é\\n\"}\n"
        let clean = text.withoutControlsInJSON
        #expect(!clean.unicodeScalars.contains { $0.isControl && $0.value >= 0x7F })
        let (old, new) = (try JSONDocument(ByteBuffer(string: text)), try JSONDocument(ByteBuffer(string: clean)))
        #expect(old["a"].flatMap(old.string) == new["a"].flatMap(new.string))
        #expect("{\"é\": 1}".withoutControlsInJSON == "{\"é\": 1}")
    }
}
