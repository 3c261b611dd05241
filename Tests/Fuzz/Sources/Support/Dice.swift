import NIOCore
import SwitchboardProtocol

/// Values made of a fuzzer's bytes, in their order; zeros when there are no more.
struct Dice {
    private var rest: ByteBuffer

    init(_ input: UnsafeRawBufferPointer) { rest = ByteBuffer(bytes: input) }

    mutating func byte() -> UInt8 { rest.readInteger() ?? 0 }

    mutating func below(_ bound: Int) -> Int { Int(byte()) % bound }

    mutating func isTrue() -> Bool { byte() & 1 == 1 }

    /// Small ones and all the others.
    mutating func count() -> Int {
        isTrue() ? Int(byte()) : Int(truncatingIfNeeded: rest.readInteger(as: UInt64.self) ?? 0) & Int.max
    }

    mutating func seconds(upTo most: Double) -> Double {
        let value = Double(bitPattern: rest.readInteger(as: UInt64.self) ?? 0)
        // What is not in range, or no number, becomes a whole number of them.
        return (0...most).contains(value) ? value : Double(below(Int(most)))
    }

    mutating func bytes() -> ByteBuffer {
        rest.readSlice(length: min(Int(byte()), rest.readableBytes)) ?? ByteBuffer()
    }

    /// Any text that Swift can hold.
    mutating func text() -> String { String(buffer: bytes()) }

    mutating func maybe<Value>(_ make: (inout Dice) -> Value) -> Value? { isTrue() ? make(&self) : nil }

    mutating func name<Name: Identifier>(_: Name.Type = Name.self) -> Name {
        let alphabet: StaticString = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:@-"
        let letters = (0...below(Name.maximumLength)).map { index in
            // The first letters tell names apart; a byte for each of them would leave none for the rest. The very first is no
            // dot: `.` and `..` are no names.
            alphabet.utf8Start[index < 3 ? below(index == 0 ? 62 : alphabet.utf8CodeUnitCount) : 0]
        }
        return Name(unchecked: String(decoding: letters, as: UTF8.self))
    }

    mutating func payload() -> Payload {
        switch below(3) {
        case 0: Payload(format: .text, bytes: ByteBuffer(string: text()))
        case 1: Payload(format: .binary, bytes: bytes())
        default: Payload(format: .json, bytes: json())
        }
    }

    /// Any text is JSON as a string.
    private mutating func json() -> ByteBuffer {
        var json = ByteBuffer()
        json.writeJSONString(text())
        return json
    }

    mutating func signature() -> CommandSignature? {
        maybe { dice in
            let value = (0...dice.below(4)).map { _ in dice.bytes() }.reduce(into: []) { $0 += $1.readableBytesView }
            return CommandSignature(
                key: dice.name(), issued: dice.count() % (CommandSignature.latestTime + 1),
                expires: dice.count() % (CommandSignature.latestTime + 1), value: Base64URL.encode(value))
        } ?? nil
    }

    mutating func trace() -> TraceContext? {
        maybe { dice in
            let (high, low) = (String(dice.count() | 1, radix: 16), String(dice.count() | 1, radix: 16))
            let zeros = String(repeating: "0", count: 32)
            return TraceContext(
                traceparent: "00-\((zeros + high).suffix(32))-\((zeros + low).suffix(16))-0\(dice.below(2))",
                tracestate: dice.maybe { $0.text() })
        } ?? nil
    }
}
