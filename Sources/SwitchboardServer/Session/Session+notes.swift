import Logging
import SwitchboardCore
import SwitchboardProtocol

/// What the counters and the log are told of a session's life.
///
/// That clients come and go is the daily round of a node, and a fleet that reconnects would fill the log with it: so it is told at
/// the level `debug`, and at `info` what a client is sent away for.
extension Session {
    func noteOpening(_ record: SessionRecord) {
        node.logger.debug(
            "session opened",
            metadata: [
                "client": "\(record.client)", "session": "\(record.session)", "address": "\(record.address)",
                "mode": "\(mode)", "epoch": "\(epoch)",
            ])
    }

    /// Called once for each session that was accepted.
    func noteEnd(_ code: CloseCode, reason: String) {
        shard.counters.closes.count(code)
        let level: Logger.Level = code.isRoutine ? .debug : .info
        guard node.logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = ["code": "\(code.rawValue)"]
        // A client's own words may say anything.
        if !code.isRoutine { metadata["reason"] = "\(reason)" }
        if let record {
            metadata["client"] = "\(record.client)"
            metadata["session"] = "\(record.session)"
            metadata["address"] = "\(record.address)"
        }
        node.logger.log(level: level, "session closed", metadata: metadata)
    }
}

extension CloseCode {
    /// The client wished it, the connection was lost, or the node sends everybody away.
    fileprivate var isRoutine: Bool {
        switch self {
        case .nodeDraining, .rebalanced: true
        case .protocolError, .invalidPayload, .messageTooBig: false
        default: rawValue < 4000
        }
    }
}
