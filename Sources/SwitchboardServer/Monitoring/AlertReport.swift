import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// A node's answer to ``Query/Subject/alerts``.
struct AlertReport: Sendable {
    /// What one answer holds; the worst go first.
    static let limit = 5000

    let alerts: [Alert]
    /// False when there are more.
    let isWhole: Bool

    static func document(of alerts: [Alert]) -> ByteBuffer {
        JSONObjectWriter.document { json in
            let sorted = alerts.sorted { ($0.level, $0.since) > ($1.level, $1.since) }
            json.list("alerts", sorted.prefix(limit)) { $0.members(of: $1) }
            json.boolean("whole", alerts.count <= limit)
        }
    }

    /// - Returns: nil for what is no such answer.
    init?(_ body: ByteBuffer) {
        guard let document = try? JSONDocument(body), let list = document["alerts"],
            let elements = document.elements(list)
        else { return nil }
        alerts = elements.compactMap { document.object($0).flatMap { Alert(parsing: $0) } }
        isWhole = document["whole"].flatMap(document.boolean) ?? false
    }
}
