/// Inflaters for messages without context, borrowed for the time in which a message arrives: an idle session has none.
///
/// Belongs to one event loop.
public final class InflaterPool {
    private var idle: [Inflater] = []
    private let capacity: Int

    /// - Parameter capacity: How many are kept; each holds about 40 KB.
    public init(capacity: Int = 4) { self.capacity = capacity }

    /// - Throws: ``DeflateError/unavailable`` when there is no memory for one.
    func take() throws(DeflateError) -> Inflater {
        if let inflater = idle.popLast() { return inflater }
        return try Inflater()
    }

    /// - Parameter inflater: One that has finished its message.
    func give(_ inflater: Inflater) {
        if idle.count < capacity { idle.append(inflater) }
    }
}
