import FoundationEssentials
public import NIOCore
import SwitchboardProtocol

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How the machine is doing, read from `/proc`. What cannot be read is left out.
public struct MachineHealth: Hashable, Sendable {
    /// Processes that ran or waited to run, on average over 1, 5 and 15 minutes.
    public var load: [Double]?
    /// The share of all processors that was busy, 0...1: since the health given to ``current(after:)``, or since the start.
    public var processorUse: Double?
    /// Bytes.
    public var memoryTotal: Int?
    /// Bytes that programs could get without swapping.
    public var memoryAvailable: Int?
    /// Bytes of the file system that holds `/`.
    public var diskTotal: Int?
    /// Bytes on it that programs without privileges may still use.
    public var diskFree: Int?
    /// Seconds since the machine started.
    public var uptime: Double?

    var processorTicks: ProcessorTicks?

    /// Reads the health now.
    ///
    /// - Parameter previous: An earlier health; ``processorUse`` is measured from then on.
    public static func current(after previous: MachineHealth? = nil) -> MachineHealth {
        func text(_ name: String) -> String { (try? String(contentsOfFile: "/proc/" + name, encoding: .utf8)) ?? "" }
        var health = MachineHealth()
        health.load = ProcText.load(text("loadavg"))
        health.uptime = ProcText.uptime(text("uptime"))
        let memory = ProcText.memory(text("meminfo"))
        health.memoryTotal = memory["MemTotal"]
        health.memoryAvailable = memory["MemAvailable"]
        health.processorTicks = ProcText.processorTicks(text("stat"))
        health.processorUse = health.processorTicks?.use(since: previous?.processorTicks)
        var disk = statvfs()
        if statvfs("/", &disk) == 0 {
            health.diskTotal = Int(disk.f_blocks) * Int(disk.f_frsize)
            health.diskFree = Int(disk.f_bavail) * Int(disk.f_frsize)
        }
        return health
    }

    /// The health as a JSON object of well under 4 KB, fit for ``AgentHandlers/health``.
    ///
    /// - Parameter fields: What the agent says beside it, behind the machine's own members.
    public func encoded(with fields: [HealthField] = []) -> ByteBuffer {
        var buffer = ByteBuffer()
        var json = JSONObjectWriter(taking: &buffer)
        if let load { json.literal("load", "[" + load.map { "\($0)" }.joined(separator: ",") + "]") }
        if let processorUse { json.number("cpu", (processorUse * 1000).rounded() / 1000) }
        if let memoryTotal, let memoryAvailable {
            json.object("memory") {
                $0.integer("total", memoryTotal)
                $0.integer("available", memoryAvailable)
            }
        }
        if let diskTotal, let diskFree {
            json.object("disk") {
                $0.integer("total", diskTotal)
                $0.integer("free", diskFree)
            }
        }
        if let uptime { json.number("uptime", uptime.rounded()) }
        for field in fields { json.verbatim(named: field.name, field.value) }
        return json.finish()
    }
}
