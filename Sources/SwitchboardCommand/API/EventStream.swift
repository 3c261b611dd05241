import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import SwitchboardAgent
import SwitchboardProtocol

extension APIClient {
    /// The most bytes of one event.
    private static let eventLimit = 64 << 20

    /// Posts and takes the answer as server-sent events; a plain answer is one event with the name `result`.
    ///
    /// - Throws: ``Failure`` with one line for a person, and what `onEvent` throws.
    func stream(
        _ path: String, json: ByteBuffer, timeout: TimeAmount, onEvent: (EventStreamParser.Event) throws -> Void
    ) async throws {
        var request = self.request(path)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(json)
        try await events(of: request, timeout: timeout, onEvent)
    }

    /// Gets server-sent events for as long as they come.
    ///
    /// - Throws: ``Failure`` with one line for a person, and what `onEvent` throws.
    func watch(
        _ path: String, query: [(String, String)], onEvent: (EventStreamParser.Event) throws -> Void
    ) async throws {
        try await events(of: request(path, query: query), timeout: .hours(24 * 365), onEvent)
    }

    private func events(
        of request: HTTPClientRequest, timeout: TimeAmount, _ onEvent: (EventStreamParser.Event) throws -> Void
    ) async throws {
        var request = request
        introduce(&request)
        request.headers.add(name: "Accept", value: "text/event-stream")
        let response: HTTPClientResponse
        do { response = try await Self.http.execute(request, timeout: timeout) } catch {
            throw Failure(connecting: name, error)
        }
        let isStream = response.headers.first(name: "content-type")?.hasPrefix("text/event-stream") ?? false
        guard isStream, (200...299).contains(response.status.code) else {
            let answer: ByteBuffer
            do { answer = try await response.body.collect(upTo: Self.eventLimit) } catch {
                throw Failure(connecting: name, error)
            }
            guard (200...299).contains(response.status.code) else { throw Failure(response.status, answer) }
            return try onEvent(EventStreamParser.Event(name: "result", data: String(buffer: answer)))
        }
        var parser = EventStreamParser(limit: Self.eventLimit)
        var chunks = response.body.makeAsyncIterator()
        while true {
            let chunk: ByteBuffer?
            do { chunk = try await chunks.next() } catch { throw Failure(connecting: name, error) }
            guard let chunk else { return }
            for event in try parser.feed(chunk) { try onEvent(event) }
        }
    }
}
