import NIOCore
import SwitchboardWebSocket

/// Payloads of every kind, by chance.
enum Payloads {
    /// Of up to `most` bytes: noise, text, or a few bytes over and over.
    static func random(_ most: Int, _ random: inout Seeded) -> [UInt8] {
        let count = random.below(most + 1)
        switch random.below(3) {
        case 0: return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        case 1: return Array(text(count, &random).utf8)
        default:
            let period = 1 + random.below(600)
            let unit = (0..<period).map { _ in UInt8.random(in: 0...255, using: &random) }
            return (0..<count).map { unit[$0 % period] }
        }
    }

    /// A text of about `count` bytes, as backends send it.
    static func text(_ count: Int, _ random: inout Seeded) -> String {
        let words = ["price", "Käse", "€", "\u{1F600}", "{\"sku\":", "},", "12.90", "true", " "]
        var text = ""
        while text.utf8.count < count { text += words.randomElement(using: &random) ?? "" }
        return text
    }
}

/// What a peer makes of a compressed payload.
///
/// - Parameter pieces: The payload as it comes.
func inflated(_ pieces: [[UInt8]], by inflater: Inflater, limit: Int = 1 << 20) throws(DeflateError) -> [UInt8] {
    var output = ByteBuffer()
    for piece in pieces { try inflater.inflate(ByteBuffer(bytes: piece), into: &output, limit: limit) }
    try inflater.finish(into: &output, limit: limit)
    return Array(buffer: output)
}

func deflated(_ payload: [UInt8], by deflater: Deflater) throws(DeflateError) -> [UInt8] {
    var output = ByteBuffer()
    try deflater.compress(ByteBuffer(bytes: payload), into: &output)
    return Array(buffer: output)
}
