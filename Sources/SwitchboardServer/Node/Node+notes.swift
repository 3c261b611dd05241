import Logging
import SwitchboardCore
import SwitchboardProtocol

extension Node {
    /// A push was answered: for the log of a node that tells everything (``isVerbose``). Never what is in it.
    func log(_ push: PushID, _ result: Result<PushReport, PushFailure>) {
        var metadata: Logger.Metadata = ["push": "\(push)"]
        switch result {
        case .success(let report):
            metadata["outcome"] = "\(PushTally.Outcome(report))"
            metadata["delivered"] = "\(report.counts.delivered)"
        case .failure(let failure): metadata["outcome"] = "\(PushTally.Outcome(failure))"
        }
        logger.debug("push answered", metadata: metadata)
    }
}
