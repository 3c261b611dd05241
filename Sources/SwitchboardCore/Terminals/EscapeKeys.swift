/// Finds what a person types for the program at hand and not for the terminal: `~.` at the beginning of a line, as with ssh.
public struct EscapeKeys: Sendable {
    public enum Wish: Hashable, Sendable {
        /// `~.`
        case leave
        /// `~?`
        case help
    }

    private var isAtLineStart = true
    private var hasTilde = false

    public init() {}

    /// - Returns: What is for the terminal, and what the person wishes; nothing behind ``Wish/leave`` is passed on.
    public mutating func feed(_ bytes: some Sequence<UInt8>) -> (passed: [UInt8], wishes: [Wish]) {
        var passed: [UInt8] = []
        var wishes: [Wish] = []
        for byte in bytes {
            if hasTilde {
                hasTilde = false
                switch byte {
                case UInt8(ascii: "."): return (passed, wishes + [.leave])
                case UInt8(ascii: "?"):
                    wishes.append(.help)
                    continue
                case UInt8(ascii: "~"): break
                default: passed.append(UInt8(ascii: "~"))
                }
            } else if isAtLineStart, byte == UInt8(ascii: "~") {
                hasTilde = true
                continue
            }
            passed.append(byte)
            isAtLineStart = byte == 0x0D || byte == 0x0A
        }
        return (passed, wishes)
    }
}
