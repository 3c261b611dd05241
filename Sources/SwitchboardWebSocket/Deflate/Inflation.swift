/// Where the inflater of a peer's next compressed message comes from.
enum Inflation {
    /// Each message stands for itself.
    case pooled(InflaterPool)
    /// One for all messages; made when the first comes, so a session that sends nothing compressed has none.
    case kept(Inflater?, windowBits: Int)

    init(_ direction: DeflateAgreement.Direction, pool: InflaterPool) {
        self = direction.keepsContext ? .kept(nil, windowBits: direction.windowBits) : .pooled(pool)
    }

    mutating func take() throws(DeflateError) -> Inflater {
        switch self {
        case .pooled(let pool): return try pool.take()
        case .kept(let inflater?, _): return inflater
        case .kept(nil, let windowBits):
            let inflater = try Inflater(windowBits: windowBits, keepsContext: true)
            self = .kept(inflater, windowBits: windowBits)
            return inflater
        }
    }

    /// - Parameter inflater: One that was taken and has finished its message.
    func give(_ inflater: Inflater) {
        if case .pooled(let pool) = self { pool.give(inflater) }
    }
}
