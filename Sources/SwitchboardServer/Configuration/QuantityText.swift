/// Sizes as people write them: `65536`, `64KB`, `1MB`, `2GB`; a KB is 1024 bytes.
enum ByteText {
    private static let units = [("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30), ("B", 1), ("", 1)]

    static func parse(_ text: String) -> Int? {
        let text = text.uppercased()
        guard let (unit, factor) = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        let digits = trimmed(text.dropLast(unit.count))
        guard let number = Int(digits) else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : bytes
    }

    @Sendable static func show(_ bytes: Int) -> String {
        guard bytes > 0, let unit = units.prefix(3).last(where: { bytes.isMultiple(of: $0.1) }) else {
            return "\(bytes)"
        }
        return "\(bytes / unit.1)\(unit.0)"
    }
}

/// Times as people write them: `25` and `25s`, `500ms`, `10m`, `24h`, `7d`.
public enum DurationText {
    private static let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0), ("", 1.0)]

    /// - Returns: seconds.
    @Sendable public static func parse(_ text: String) -> Double? {
        guard let (unit, factor) = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        let digits = trimmed(text.dropLast(unit.count))
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }) else { return nil }
        guard let number = Double(digits) else { return nil }
        // Dividing by a whole number is exact where multiplying by 0.001 is not.
        return unit == "ms" ? number / 1000 : number * factor
    }

    @Sendable static func show(_ seconds: Double) -> String {
        guard seconds.isFinite, abs(seconds) < 1e12 else { return "\(seconds)" }
        let milliseconds = Int((seconds * 1000).rounded())
        let factors = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)]
        // A day is 24h, and two are 2d.
        let unit = factors.first {
            milliseconds >= $0.1 && milliseconds.isMultiple(of: $0.1) && !($0.0 == "d" && milliseconds == $0.1)
        }
        guard let (name, factor) = unit else { return milliseconds == 0 ? "0s" : "\(milliseconds)ms" }
        return "\(milliseconds / factor)\(name)"
    }

    static func rule(_ low: Double, _ high: Double, _ examples: String) -> String {
        "a time from \(show(low)) to \(show(high)), such as \(examples)"
    }
}

/// `64 KB` is as good as `64KB`.
private func trimmed(_ digits: Substring) -> Substring {
    digits.last == " " ? digits.dropLast() : digits
}
