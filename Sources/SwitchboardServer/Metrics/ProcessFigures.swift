import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What the kernel says of this process (proc(5)). Figures that cannot be had are left out.
struct ProcessFigures: Sendable {
    var cpuSeconds: Double?
    var residentBytes: Double?
    var virtualBytes: Double?
    var openDescriptors: Double?
    var maximumDescriptors: Double?
    /// Unix time.
    var startedAt: Double?

    static func current() -> ProcessFigures {
        var figures = ProcessFigures(
            stat: text("/proc/self/stat"), boot: text("/proc/stat"), ticks: Double(sysconf(CInt(_SC_CLK_TCK))),
            page: Double(sysconf(CInt(_SC_PAGESIZE))))
        figures.openDescriptors = descriptors()
        figures.maximumDescriptors = limit()
        return figures
    }

    private static func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

    /// - Parameters:
    ///   - stat: The text of `/proc/self/stat`.
    ///   - boot: The text of `/proc/stat`, which has the time at which the machine was started.
    ///   - ticks: Ticks of the kernel's clock in a second.
    ///   - page: Bytes of a page of memory.
    init(stat: String, boot: String, ticks: Double, page: Double) {
        // The name of the program is in parentheses, and may have any characters itself.
        guard let end = stat.lastIndex(of: ")"), ticks > 0 else { return }
        // From the third field on.
        let fields = stat[stat.index(after: end)...].split(whereSeparator: \.isWhitespace).map { Double($0) }
        guard fields.count >= 22 else { return }
        if let user = fields[11], let system = fields[12] { cpuSeconds = (user + system) / ticks }
        virtualBytes = fields[20]
        residentBytes = fields[21].map { $0 * page }
        let bootTime = boot.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
        if let bootTime, let start = fields[19] { startedAt = bootTime + start / ticks }
    }

    /// Newer kernels give the number of descriptors as the size of the folder (since 6.2); else they have to be counted.
    private static func descriptors() -> Double? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: "/proc/self/fd")
        let size = (attributes?[.size] as? any BinaryInteger).map { Double($0) } ?? 0
        if size > 0 { return size }
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // Without `.`, `..` and the one that reads the folder.
        return Double(count - 3)
    }

    private static func limit() -> Double? {
        var limit = rlimit()
        #if canImport(Glibc)
            guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        #else
            guard getrlimit(RLIMIT_NOFILE, &limit) == 0 else { return nil }
        #endif
        return Double(limit.rlim_cur)
    }

    var families: [MetricFamily] {
        [
            MetricFamily(MetricCatalogue.cpu, cpuSeconds),
            MetricFamily(MetricCatalogue.residentMemory, residentBytes),
            MetricFamily(MetricCatalogue.virtualMemory, virtualBytes),
            MetricFamily(MetricCatalogue.descriptors, openDescriptors),
            MetricFamily(MetricCatalogue.descriptorsLimit, maximumDescriptors),
            MetricFamily(MetricCatalogue.startTime, startedAt),
        ]
    }
}
