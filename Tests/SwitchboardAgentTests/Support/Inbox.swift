/// A queue that a test waits on; waiting ends when the test's time limit cancels it.
struct Inbox<Element: Sendable>: Sendable {
    struct Ended: Error {}

    private let stream: AsyncStream<Element>
    private let continuation: AsyncStream<Element>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    func put(_ element: Element) {
        continuation.yield(element)
    }

    func end() {
        continuation.finish()
    }

    func next() async throws -> Element {
        var iterator = stream.makeAsyncIterator()
        guard let element = await iterator.next() else { throw Ended() }
        return element
    }
}
