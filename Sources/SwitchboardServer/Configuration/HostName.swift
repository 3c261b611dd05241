import Foundation
import SwitchboardProtocol

/// Names a node that was given no name.
enum HostName {
    /// The host's name and something random, so that two processes on one host differ, and one that is restarted too.
    static func nodeID() -> NodeID {
        let host = ProcessInfo.processInfo.hostName.split(separator: ".").first.map(String.init) ?? "node"
        let allowed = host.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }.prefix(40)
        return NodeID(unchecked: "\(allowed.isEmpty ? "node" : allowed)-\(SessionID.random().rawValue.suffix(6))")
    }
}
