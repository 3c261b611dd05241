import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Synchronization

func client(_ name: String) -> ClientID { ClientID(unchecked: name) }
func group(_ name: String) -> GroupName { GroupName(unchecked: name) }
func node(_ name: String) -> NodeID { NodeID(unchecked: name) }

func text(_ text: String) -> Payload { Payload(format: .text, bytes: ByteBuffer(string: text)) }

func session(
    of client: ClientID, on node: NodeID = node("n1"), session: SessionID = .random(), groups: [GroupName] = [],
    labels: [String: String] = [:], at time: UInt64 = 0
) -> SessionRecord {
    SessionRecord(
        client: client, session: session, node: node, mode: .raw, address: "192.0.2.1:4000", userAgent: nil,
        labels: labels, groups: groups, connectedAt: time)
}

/// A clock that stands still until it is told otherwise.
final class FakeClock: Sendable {
    private let time: Mutex<UInt64>

    /// - Parameter milliseconds: Unix time.
    init(_ milliseconds: UInt64 = 1_700_000_000_000) { time = Mutex(milliseconds) }

    var now: UInt64 { time.withLock { $0 } }

    func advance(seconds: Double) { time.withLock { $0 += UInt64(seconds * 1000) } }

    func stepBack(seconds: Double) { time.withLock { $0 -= UInt64(seconds * 1000) } }
}
