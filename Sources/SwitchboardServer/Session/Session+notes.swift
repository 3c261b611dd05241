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
    ///
    /// - Parameter isWished: Code and reason are the client's own words, which may say anything.
    func noteEnd(_ code: CloseCode, reason: String, isWished: Bool = false) {
        if isWished { shard.counters.closes.countWished(code) } else { shard.counters.closes.count(code) }
        // Of those that never got in anybody can make as many as he likes.
        let isRoutine = isWished || code.isRoutine || record == nil && code.advice == .stop
        let level: Logger.Level = isRoutine ? .debug : .info
        guard node.logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = ["code": "\(code.rawValue)"]
        if !isRoutine { metadata["reason"] = "\(reason)" }
        if let record {
            metadata["client"] = "\(record.client)"
            metadata["session"] = "\(record.session)"
            metadata["address"] = "\(record.address)"
        }
        node.logger.log(level: level, "session closed", metadata: metadata)
    }
}

extension CloseCode {
    /// The connection was lost, or the node sends everybody away.
    fileprivate var isRoutine: Bool {
        switch self {
        case .nodeDraining, .rebalanced: true
        case .protocolError, .invalidPayload, .messageTooBig: false
        default: rawValue < 4000
        }
    }
}
