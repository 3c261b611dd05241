import NIOCore
import SwitchboardProtocol
import SwitchboardWebSocket

/// Bytes as a peer may send them, right or wrong.
enum Wire {
    static let mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]

    /// - Parameters:
    ///   - opcode: Four bits.
    ///   - rsv: The reserved bits, 4 for RSV1.
    ///   - mask: nil makes a server's frame.
    static func frame(
        _ opcode: UInt8, _ payload: [UInt8] = [], fin: Bool = true, rsv: UInt8 = 0, mask: [UInt8]? = mask
    ) -> [UInt8] {
        var bytes = [(fin ? 0x80 : 0) | rsv << 4 | opcode]
        let flag: UInt8 = mask == nil ? 0 : 0x80
        switch payload.count {
        case ..<126: bytes.append(flag | UInt8(payload.count))
        case ..<65_536: bytes += [flag | 126] + big(UInt16(payload.count))
        default: bytes += [flag | 127] + big(UInt64(payload.count))
        }
        guard let mask else { return bytes + payload }
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }

    static func text(_ text: String, fin: Bool = true, mask: [UInt8]? = mask) -> [UInt8] {
        frame(1, Array(text.utf8), fin: fin, mask: mask)
    }

    static func big(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }
}

/// A reader with which one test reads, and what came out of it.
struct ReaderRun {
    var side = MessageReader.Side.server
    var maximum = 1000
    var agreement: DeflateAgreement?
    var pool = InflaterPool()

    /// - Parameter pieces: What comes, read by read.
    func events(_ pieces: [[UInt8]]) -> [MessageEvent] {
        var reader = MessageReader(
            side: side, maximumMessageBytes: maximum, agreement: agreement, pool: pool)
        var events: [MessageEvent] = []
        for piece in pieces {
            reader.feed(ByteBuffer(bytes: piece))
            while let event = reader.next() { events.append(event) }
        }
        return events
    }

    func events(_ bytes: [UInt8]) -> [MessageEvent] { events([bytes]) }

    func bytewise(_ bytes: [UInt8]) -> [MessageEvent] { events(bytes.map { [$0] }) }

    /// How many bytes had come when the connection was over, and with which code.
    func ending(of bytes: [UInt8]) -> (after: Int, code: CloseCode)? {
        var reader = MessageReader(
            side: side, maximumMessageBytes: maximum, agreement: agreement, pool: pool)
        for (index, byte) in bytes.enumerated() {
            reader.feed(ByteBuffer(bytes: [byte]))
            while let event = reader.next() {
                if case .violation(let code, _) = event { return (index + 1, code) }
            }
        }
        return nil
    }
}

extension MessageEvent {
    static func text(_ text: String) -> MessageEvent { .text(ByteBuffer(string: text)) }

    /// The code with which the connection must be closed.
    var violation: CloseCode? {
        guard case .violation(let code, _) = self else { return nil }
        return code
    }
}

extension [UInt8] {
    /// In pieces of chance length.
    func cut(_ random: inout Seeded) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var rest = self[...]
        while !rest.isEmpty {
            let count = 1 + random.below(rest.count)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return pieces
    }
}
