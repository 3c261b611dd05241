import NIOCore
import SwitchboardProtocol

/// What a node's clock shows, as a member of its description in Redis.
enum NodeClock {
    static let member: StaticString = "clock"

    /// - Returns: Unix milliseconds; nil when the description has none.
    static func reading(_ description: ByteBuffer) -> Double? {
        guard let document = try? JSONDocument(description) else { return nil }
        return document["\(member)"].flatMap(document.integer).map(Double.init)
    }
}
