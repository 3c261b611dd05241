import Foundation

/// Whether there are enough file descriptors for the connections that a node takes.
struct DescriptorCheck {
    /// For Redis, webhooks, the API's connections, logs and what event loops need.
    static let reserve = 256
    private static let unlimited = Int.max

    let maximumConnections: Int

    var finding: Finding {
        let limits = (try? String(contentsOfFile: "/proc/self/limits", encoding: .utf8)) ?? ""
        guard let limit = Self.softLimit(in: limits) else {
            return .unknown("descriptors", "/proc/self/limits does not tell the limit of open files")
        }
        return finding(limit: limit)
    }

    /// - Parameters:
    ///   - limit: Open files that are allowed.
    ///   - check: The finding's name.
    func finding(limit: Int, check: String = "descriptors", advice: String? = nil) -> Finding {
        let shown = limit == Self.unlimited ? "any number of" : "\(limit)"
        guard maximumConnections > 0 else {
            return .problem(
                check, "\(shown) open files, and maxConnections has no limit",
                advice:
                    "set maxConnections to at most \(max(1, limit - Self.reserve)), so that what is too much is refused"
            )
        }
        let found = "\(shown) open files for maxConnections \(maximumConnections)"
        guard limit - Self.reserve < maximumConnections else { return .ok(check, found) }
        let needed = maximumConnections + Self.reserve
        let raise = advice ?? "raise the limit to \(needed) (ulimit -n, LimitNOFILE= of systemd, ulimits of compose)"
        let lower = limit > Self.reserve ? ", or set maxConnections to at most \(limit - Self.reserve)" : ""
        return .problem(check, found, advice: raise + lower)
    }

    /// - Parameter limits: As /proc/PID/limits (proc(5)).
    static func softLimit(in limits: String) -> Int? {
        guard let line = limits.split(separator: "\n").first(where: { $0.hasPrefix("Max open files") }) else {
            return nil
        }
        let soft = line.dropFirst("Max open files".count).split(separator: " ").first ?? ""
        return soft == "unlimited" ? unlimited : Int(soft)
    }
}
