/// The windows with which a server compresses. Two of them serve every client, so a broadcast is compressed once, rarely twice.
///
/// A frame made with a smaller window can be read by everyone with a larger one. Messages of some kilobytes hardly get
/// smaller by a window beyond 4 KB (JSON of 60 KB: 19.2 % instead of 18.8 %), while the compressor's memory and the time to
/// reset it grow eightfold.
public enum DeflateWindow: Int, CaseIterable, Hashable, Sendable, Comparable {
    /// 512 bytes, for clients that allow no more.
    case small = 9
    /// 4 KB, for all others.
    case standard = 12

    /// The largest that needs no more than `bits`; nil under 9, with which zlib does not compress.
    public init?(atMost bits: Int) {
        guard let window = Self.allCases.last(where: { $0.rawValue <= bits }) else { return nil }
        self = window
    }

    public static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }

    /// How far back zlib refers with this window: its length less 262 bytes that it reads ahead.
    private var reach: Int { 1 << rawValue - 262 }

    /// The smallest window that compresses so many bytes as well as this one does: its frame serves more clients.
    func narrowed(for bytes: Int) -> DeflateWindow {
        Self.allCases.first { $0 <= self && bytes <= $0.reach } ?? self
    }
}
