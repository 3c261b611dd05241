/// Reads the texts of `/proc` (proc(5)).
enum ProcText {
    /// `/proc/loadavg`: `0.20 0.18 0.12 1/80 11206`
    static func load(_ text: String) -> [Double]? {
        let numbers = text.split(separator: " ").prefix(3).compactMap { Double($0) }
        return numbers.count == 3 && numbers.allSatisfy(\.isFinite) ? numbers : nil
    }

    /// `/proc/uptime`: `350735.47 234388.90`
    static func uptime(_ text: String) -> Double? {
        text.split(separator: " ").first.flatMap { Double($0) }.flatMap { $0.isFinite ? $0 : nil }
    }

    /// `/proc/meminfo`, in bytes: `MemTotal:       16303428 kB`
    static func memory(_ text: String) -> [String: Int] {
        var values: [String: Int] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == ":" })
            guard words.count == 3, words[2] == "kB", let kilobytes = Int(words[1]) else { continue }
            values[String(words[0])] = kilobytes * 1024
        }
        return values
    }

    /// The first line of `/proc/stat`: `cpu  user nice system idle iowait irq softirq steal ...`
    static func processorTicks(_ text: String) -> ProcessorTicks? {
        let words = text.prefix { $0 != "\n" }.split(separator: " ")
        let ticks = words.dropFirst().prefix(8).compactMap { UInt64($0) }
        guard words.first == "cpu", ticks.count >= 5 else { return nil }
        let total = ticks.reduce(0, &+)
        return ProcessorTicks(total: total, idle: ticks[3] &+ ticks[4])
    }
}

/// The time of all processors since the start, in clock ticks.
struct ProcessorTicks: Hashable, Sendable {
    var total: UInt64
    /// Idle or waiting for a disk.
    var idle: UInt64

    /// The busy share since an earlier reading, or since the start; nil when no time has passed.
    func use(since previous: ProcessorTicks?) -> Double? {
        let total = Double(total) - Double(previous?.total ?? 0)
        let idle = Double(idle) - Double(previous?.idle ?? 0)
        return total > 0 ? min(max((total - idle) / total, 0), 1) : nil
    }
}
