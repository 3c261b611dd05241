import Logging

/// What is read when the node starts and may be read again while it runs.
protocol Reloadable: Sendable {
    /// Reads it again, since an operator asks for it. What is wrong leaves in force what was, and is logged.
    func reload(logger: Logger) async
    /// Reads it again if it has changed; called now and then.
    func reloadIfChanged(logger: Logger) async
}

extension Reloadable {
    func reloadIfChanged(logger: Logger) async {}
}
