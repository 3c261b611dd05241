import NIOCore
import SwitchboardProtocol

extension Agent {
    /// Ends the agent in order: takes nothing new on, lets the handlers that run return (for at most
    /// ``AgentConfiguration/stopTimeout``), sends what they came to, closes the link with 1000 and lets ``run()`` return.
    ///
    /// Pushes of the mailbox whose turn has not come stay there for the next run; other pushes that were received are still handled.
    public func stop() {
        guard !isStopping else { return }
        isStopping = true
        withdrawCommands()
        guard isBusy else { return endNow() }
        stopTimer = eventLoop.scheduleTask(in: .seconds(max(configuration.stopTimeout, 0))) {
            self.assumeIsolated { $0.endNow() }
        }
    }

    private var isBusy: Bool { gate.count > 0 || !desk.isIdle }

    func endIfStopped() {
        if isStopping, !isBusy { endNow() }
    }

    func endNow() {
        isStopping = true
        stopTimer?.cancel()
        if state.isOnline { sendAcks() }
        endTerminals()
        perform(state.stop(.now()))
    }
}
