import HTTPTypes
import Hummingbird
import NIOCore

/// An answer that is sent while it comes into being.
struct StreamedAnswer: Sendable {
    let type: String
    let limits: AnswerQueue.Limits
    /// What tells the caller, and every proxy on the way, that the answer still comes; and the seconds between two of them.
    var sign: (bytes: ByteBuffer, interval: Int)?
    /// The work ends when the caller has closed its side, even when that may have been its sending side alone.
    let endsWithCaller: Bool

    /// - Parameter produce: Puts the answer's parts into the queue. It is cancelled when nobody reads them any more.
    func response(
        on channel: any Channel, _ produce: @escaping @Sendable (AnswerQueue) async throws -> Void
    ) -> Response {
        var headers: HTTPFields = [.contentType: type, .cacheControl: "no-store"]
        // nginx would gather what should arrive at once.
        headers[optional: FieldName.accelBuffering] = "no"
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                let queue = AnswerQueue(limits)
                let work = Task {
                    do {
                        try await produce(queue)
                        queue.finish()
                    } catch {
                        queue.fail(error)
                    }
                }
                let signs = signs(to: queue)
                let stop: @Sendable () -> Void = {
                    work.cancel()
                    queue.fail(CancellationError())
                }
                let caller = Caller(channel: channel)
                if endsWithCaller { caller.watch(stop) }
                defer {
                    signs?.cancel()
                    if endsWithCaller { caller.watch(nil) }
                }
                do {
                    while let bytes = try await queue.next() { try await writer.write(bytes) }
                } catch {
                    stop()
                    await work.value
                    throw error
                }
                // It may be reading the request's body, from where the connection goes on.
                await work.value
                try await writer.finish(nil)
            })
    }

    private func signs(to queue: AnswerQueue) -> Task<Void, any Error>? {
        guard let sign else { return nil }
        return Task {
            while true {
                try await Task.sleep(for: .seconds(sign.interval))
                queue.sign(sign.bytes)
            }
        }
    }
}
