/// Sheds what a node has more than its share, slowly: after a scale-out the old nodes hold all sessions, and the new ones none.
/// Holds no clock; it is asked with each beat of the node's lease.
struct Rebalance {
    /// A surplus below this part of the mean is left alone, since it comes about by chance.
    private static let tolerance = 0.05

    /// Percent of the node's sessions a minute; 0 is off.
    let percent: Double
    private var allowance = 0.0

    init(percent: Double) { self.percent = percent }

    /// - Parameters:
    ///   - own: Sessions of this node.
    ///   - others: Those of every other node that takes clients.
    ///   - seconds: The time since this was last asked.
    /// - Returns: How many sessions are to go now.
    mutating func share(own: Int, others: [Int], seconds: Double) -> Int {
        // The others say of themselves how many they have, and a sum of what anybody says may be too large for an integer.
        let mean = others.reduce(Double(own)) { $0 + Double(max(0, $1)) } / Double(others.count + 1)
        let surplus = Double(own) - mean
        guard percent > 0, !others.isEmpty, surplus >= max(1, mean * Self.tolerance) else {
            allowance = 0
            return 0
        }
        allowance = min(surplus, allowance + Double(own) * percent / 100 * seconds / 60)
        let share = Int(allowance)
        allowance -= Double(share)
        return share
    }
}
