import SwitchboardCore
import Testing

@Suite("What a person types for the program at hand")
struct EscapeKeysTests {
    private func feed(_ texts: String...) -> (String, [EscapeKeys.Wish]) {
        var keys = EscapeKeys()
        var passed: [UInt8] = []
        var wishes: [EscapeKeys.Wish] = []
        for text in texts {
            let (more, wish) = keys.feed(text.utf8)
            passed += more
            wishes += wish
        }
        return (String(decoding: passed, as: UTF8.self), wishes)
    }

    @Test("A tilde and a dot at the beginning of a line leave, in one piece or two")
    func leaves() {
        #expect(feed("~.") == ("", [.leave]))
        #expect(feed("ls\r", "~", ".rm") == ("ls\r", [.leave]))
    }

    @Test("Anywhere else they are for the terminal")
    func passes() {
        #expect(feed("a~.") == ("a~.", []))
        #expect(feed("~a~.") == ("~a~.", []))
        #expect(feed("cd ~\r") == ("cd ~\r", []))
        #expect(feed("~\r~.") == ("~\r", [.leave]))
    }

    @Test("Two tildes are one, and a question mark asks for help")
    func others() {
        #expect(feed("~~.") == ("~.", []))
        #expect(feed("~?x") == ("x", [.help]))
        #expect(feed("~?~.") == ("", [.help, .leave]))
    }
}
