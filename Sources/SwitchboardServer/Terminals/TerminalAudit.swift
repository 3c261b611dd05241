import Logging
import SwitchboardCore
import SwitchboardProtocol

/// Who looked at which terminal, from where.
struct TerminalVisit: Sendable {
    let client: ClientID
    let terminal: String
    let mode: TerminalOrder.Mode
    let viewer: String
    /// The name of the operator's key.
    let operatorName: String
    let address: String

    /// Enough to tell viewers apart. The whole name is what lets one be the viewer, so nobody else sees it.
    var viewerMark: String { String(viewer.prefix(8)) }

    func write(into json: inout JSONObjectWriter) {
        json.string("terminal", terminal)
        json.string("viewer", viewerMark)
        json.string("mode", mode.rawValue)
        json.string("operator", operatorName)
        json.string("address", address)
    }

    var metadata: Logger.Metadata {
        [
            "client": "\(client)", "terminal": "\(terminal)", "viewer": "\(viewerMark)", "mode": "\(mode.rawValue)",
            "operator": "\(operatorName)", "address": "\(address)",
        ]
    }
}

/// What becomes of visits is told to watchers, to the log and to backends.
extension Node {
    func attached(_ visit: TerminalVisit) {
        terminals.visits.increment()
        logger.info("terminal attached", metadata: visit.metadata)
        note(.terminalAttached, visit)
        webhooks?.attached(visit)
    }

    func detached(_ visit: TerminalVisit) {
        logger.info("terminal detached", metadata: visit.metadata)
        note(.terminalDetached, visit)
    }

    func ended(_ visit: TerminalVisit, status: Int?, signal: Int?, reason: TerminalReport.Ending) {
        logger.info("terminal ended", metadata: visit.metadata.merging(["reason": "\(reason.rawValue)"]) { $1 })
        note(.terminalEnded, visit) { $0.ending(status: status, signal: signal, reason: reason) }
        webhooks?.ended(visit, status: status, signal: signal, reason: reason)
    }

    func refused(_ visit: TerminalVisit, code: String) {
        logger.notice("terminal refused", metadata: visit.metadata.merging(["code": "\(code)"]) { $1 })
        note(.terminalRefused, visit) { $0.string("code", code) }
    }

    private func note(
        _ type: EventType, _ visit: TerminalVisit, _ more: (inout JSONObjectWriter) -> Void = { _ in }
    ) {
        guard events.isWatched else { return }
        events.note(type, .client(visit.client)) { json in
            visit.write(into: &json)
            more(&json)
        }
    }
}

extension JSONObjectWriter {
    mutating func ending(status: Int?, signal: Int?, reason: TerminalReport.Ending) {
        if let status { integer("status", status) }
        if let signal { integer("signal", signal) }
        string("reason", reason.rawValue)
    }
}
