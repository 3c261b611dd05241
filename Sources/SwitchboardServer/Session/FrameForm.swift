import SwitchboardProtocol
import SwitchboardWebSocket

/// In which form a session takes a push: by its mode, and compressed for its window if it has agreed on that. All sessions of
/// one form are sent the same bytes.
struct FrameForm: Hashable, Sendable {
    /// The mode in the lowest bit, above it the window: 0 for none.
    let rawValue: UInt8

    static let count = 6
    static let all = (0..<UInt8(count)).map(FrameForm.init(rawValue:))
    static let raw = FrameForm(.raw)
    static let framed = FrameForm(.framed)

    private init(rawValue: UInt8) { self.rawValue = rawValue }

    init(_ mode: ConnectionMode, _ window: DeflateWindow? = nil) {
        let shape: UInt8 =
            switch window {
            case nil: 0
            case .small: 2
            case .standard: 4
            }
        rawValue = shape | (mode == .framed ? 1 : 0)
    }

    var index: Int { Int(rawValue) }

    var mode: ConnectionMode { rawValue & 1 == 0 ? .raw : .framed }

    /// nil without compression.
    var window: DeflateWindow? {
        switch rawValue >> 1 {
        case 1: .small
        case 2: .standard
        default: nil
        }
    }
}

/// How many sessions are open, by their form.
struct FormTally: Sendable {
    private var counts = Array(repeating: 0, count: FrameForm.count)
    /// Those that have agreed on compression.
    private(set) var compressed = 0

    subscript(_ form: FrameForm) -> Int { counts[form.index] }

    mutating func add(_ number: Int, _ form: FrameForm) {
        counts[form.index] += number
        if form.window != nil { compressed += number }
    }

    /// With compression and without.
    func sessions(_ mode: ConnectionMode) -> Int {
        FrameForm.all.reduce(0) { $1.mode == mode ? $0 + self[$1] : $0 }
    }

    static func + (left: FormTally, right: FormTally) -> FormTally {
        var sum = left
        for form in FrameForm.all { sum.add(right[form], form) }
        return sum
    }
}
