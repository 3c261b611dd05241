import Foundation
import NIOCore

/// How many processors this process may use.
enum ProcessorCount {
    /// NIO's count knows of container quotas but not of the affinity mask (`taskset`, cpusets): a loop more than there are
    /// processors only makes them wait for each other.
    static var usable: Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let list = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }?.dropFirst(18)
        return max(1, min(System.coreCount, list.map { count(inList: $0) } ?? .max))
    }

    /// - Parameter list: As `0-3,8` (proc(5)).
    static func count(inList list: some StringProtocol) -> Int {
        list.split(separator: ",").reduce(0) { sum, range in
            let ends = range.split(separator: "-").compactMap { Int(String($0.filter(\.isNumber))) }
            guard let first = ends.first, let last = ends.last, last >= first else { return sum }
            return sum + last - first + 1
        }
    }
}
