import NIOCore

/// Something did not happen in time.
struct Late: Error, CustomStringConvertible {
    let description: String

    init(_ what: String, _ time: Duration) { description = "not within \(time): \(what)" }
}

extension EventLoopFuture where Value: Sendable {
    /// Waits, but not for ever.
    ///
    /// - Throws: ``Late`` when the time is up.
    func get(within time: Duration, _ what: String) async throws -> Value {
        let promise = eventLoop.makePromise(of: Value.self)
        let timer = eventLoop.scheduleTask(in: TimeAmount(time)) { promise.fail(Late(what, time)) }
        whenComplete { result in
            timer.cancel()
            promise.completeWith(result)
        }
        return try await promise.futureResult.get()
    }
}

/// Asks again and again until the answer is yes: for what no event tells, such as that a server has become ready.
///
/// - Throws: ``Late`` with the last error, when the time is up.
func eventually(
    _ what: String, within time: Duration = .seconds(10), every pause: Duration = .milliseconds(50),
    _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now + time
    var trouble: (any Error)?
    repeat {
        do {
            if try await condition() { return }
            trouble = nil
        } catch {
            trouble = error
        }
        try await clock.sleep(for: pause)
    } while clock.now < deadline
    throw Late(what + (trouble.map { " (last error: \($0))" } ?? ""), time)
}
