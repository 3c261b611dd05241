import FoundationEssentials

/// Times as people read them.
enum Age {
    /// How long ago an RFC 3339 time was: `42s`, `3m10s`, `2h05m`, `4d03h`; the text itself when it is no time.
    static func text(since time: String?, now: Date = Date()) -> String {
        guard let time else { return "" }
        guard let date = date(time) else { return time }
        return text(seconds: max(0, Int(now.timeIntervalSince(date))))
    }

    static func text(seconds: Int) -> String {
        func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return switch seconds {
        case ..<60: "\(seconds)s"
        case ..<3600: "\(seconds / 60)m\(padded(seconds % 60))s"
        case ..<86_400: "\(seconds / 3600)h\(padded(seconds / 60 % 60))m"
        default: "\(seconds / 86_400)d\(padded(seconds / 3600 % 24))h"
        }
    }

    private static func date(_ text: String) -> Date? {
        (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text))
            ?? (try? Date.ISO8601FormatStyle().parse(text))
    }
}
