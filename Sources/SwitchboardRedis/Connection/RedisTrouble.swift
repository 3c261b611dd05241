import SwitchboardCore

/// Why a connection to Redis is of no use.
enum RedisTrouble: Error, Hashable, Sendable, CustomStringConvertible {
    /// No connection: refused, no such host, no route, TLS failed.
    case unreachable(String)
    case closed
    case timeout
    /// Redis is reading its data from disk.
    case loading
    /// A replica, which refuses to write.
    case readOnly
    case wrongPassword(String)
    /// Redis refuses a command to this user.
    case denied(String)
    case protocolError(String)
    /// The Sentinels do not know the master, or cannot be asked.
    case noMaster(String)
    /// The Sentinels, or the Redis Cluster, have made another server the master.
    case switched(String)
    /// Nobody has the slot, or the Redis Cluster says that it is down.
    case clusterDown(String)
    /// What was published did not come back.
    case canaryLost
    case stopped

    var description: String {
        switch self {
        case .unreachable(let reason): "no connection: \(reason)"
        case .closed: "Redis closed the connection"
        case .timeout: "Redis did not answer in time"
        case .loading: "Redis is loading its data"
        case .readOnly: "this Redis is a read-only replica"
        case .wrongPassword(let reply): "Redis refused the user or password: \(reply)"
        case .denied(let reply): "Redis refused a command: \(reply)"
        case .protocolError(let reason): "protocol error: \(reason)"
        case .noMaster(let reason): "no master: \(reason)"
        case .switched(let master): "another server is the master now: \(master)"
        case .clusterDown(let reason): "the Redis Cluster is not complete: \(reason)"
        case .canaryLost: "what was published did not come back"
        case .stopped: "the link was shut down"
        }
    }

    var busError: BusError { .unavailable(description) }

    /// Any error reply, to a command without which a connection cannot be used.
    init(reply text: String) {
        self = RedisTrouble(fatalReply: text) ?? .denied(text)
    }

    /// An error reply which says that no further command will fare better; nil when it may.
    init?(fatalReply text: String) {
        switch text.prefix(while: { $0 != " " }) {
        case "LOADING": self = .loading
        // Before Redis 7 the error of a script has the word further back.
        case "READONLY": self = .readOnly
        case "MASTERDOWN": self = .readOnly
        case "CLUSTERDOWN": self = .clusterDown(text)
        case "NOAUTH", "WRONGPASS": self = .wrongPassword(text)
        default:
            if text.contains("-READONLY ") { self = .readOnly } else { return nil }
        }
    }

    /// Names the kind only: while it stays the same, a repeat is not worth another log line.
    var kind: String {
        switch self {
        case .unreachable: "unreachable"
        case .closed: "closed"
        case .timeout: "timeout"
        case .loading: "loading"
        case .readOnly: "readOnly"
        case .wrongPassword: "wrongPassword"
        case .denied: "denied"
        case .protocolError: "protocolError"
        case .noMaster: "noMaster"
        case .switched: "switched"
        case .clusterDown: "clusterDown"
        case .canaryLost: "canaryLost"
        case .stopped: "stopped"
        }
    }
}
