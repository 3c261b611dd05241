/// Every metric of a node, with its help text. docs/operations.md has the same table, and a test compares the two with what a node
/// tells.
enum MetricCatalogue {
    // MARK: The node

    static let node = MetricDescription("switchboard_node_info", .info, "The node's name and version.")
    static let ready = MetricDescription("switchboard_ready", .gauge, "1 while readyz answers 200.")
    static let draining = MetricDescription("switchboard_draining", .gauge, "1 while the node sends its clients away.")
    static let drainProgress = MetricDescription(
        "switchboard_drain_progress_ratio", .gauge,
        "Clients that have been sent away of those that there were; 0 unless draining.")

    // MARK: Connections

    static let connections = MetricDescription(
        "switchboard_connections", .gauge, "Sessions that are open, by mode: raw or framed.")
    static let compressed = MetricDescription(
        "switchboard_compressed_connections", .gauge, "Sessions that are open and have agreed on compression.")
    static let connectionsLimit = MetricDescription(
        "switchboard_connections_limit", .gauge, "The most sessions that this node takes; 0 means no limit.")
    static let accepted = MetricDescription(
        "switchboard_connections_accepted_total", .counter, "WebSocket connections that were accepted.")
    static let closed = MetricDescription(
        "switchboard_connections_closed_total", .counter,
        "Sessions that ended, by close code; 1006: the connection was lost, 4101: the client was too slow.")
    static let refused = MetricDescription(
        "switchboard_connections_refused_total", .counter, "Handshakes that were refused, by problem code.")
    static let plainConnections = MetricDescription(
        "switchboard_plain_connections", .gauge, "Connections that are no sessions: plain HTTP, or not yet known.")
    static let addresses = MetricDescription(
        "switchboard_connection_addresses", .gauge, "Addresses whose connections are counted against their limit.")
    static let limited = MetricDescription(
        "switchboard_limited_total", .counter, "What was refused or cut off since it was too much, by limit.")
    static let handshakes = MetricDescription(
        "switchboard_tls_handshakes_total", .counter,
        "TLS handshakes by outcome; displaced and refused: there were more than tlsHandshakes.")
    static let proxyHeaders = MetricDescription(
        "switchboard_proxy_headers_total", .counter,
        "Connections that had to begin with a PROXY header, by what came; untrusted: from no trusted proxy.")
    static let certificateExpiry = MetricDescription(
        "switchboard_tls_certificate_expiry_timestamp_seconds", .gauge,
        "Unix time at which the node's certificate expires, or one of its chain.")
    static let certificateStale = MetricDescription(
        "switchboard_tls_certificate_stale", .gauge,
        "1 while the files of the certificate hold something that could not be taken.")
    static let queueBytes = MetricDescription(
        "switchboard_queue_bytes", .gauge, "Bytes that wait for clients because their sockets are full.")
    static let queuedSessions = MetricDescription(
        "switchboard_queued_sessions", .gauge, "Sessions for which something waits because their sockets are full.")
    static let pingRoundTrip = MetricDescription(
        "switchboard_ping_round_trip_seconds", .histogram, "Time between a ping and its pong.")
    static let messages = MetricDescription(
        "switchboard_messages_received_total", .counter, "Messages from clients for the backends.")

    static let alerts = MetricDescription(
        "switchboard_alerts", .gauge, "Alerts of clients that this node looks after, by level: amber or red.")
    static let terminalViewers = MetricDescription(
        "switchboard_terminal_viewers", .gauge, "Viewers of terminals whose operators are connected here.")
    static let terminalVisits = MetricDescription(
        "switchboard_terminal_visits_total", .counter,
        "Viewers that agents have let in, whose operators were connected here.")

    static let authRefused = MetricDescription(
        "switchboard_auth_refused_total", .counter,
        "Requests and connections that were refused for what they show of who they are, by kind and reason.")

    // MARK: Pushes and commands

    static let pushes = MetricDescription(
        "switchboard_pushes_total", .counter,
        "Pushes that were accepted here and are answered, by kind of target and what became of them.")
    static let throttled = MetricDescription(
        "switchboard_pushes_throttled_total", .counter,
        "Requests that push, command or change groups beyond publishRate, answered with 429.")
    static let deliveries = MetricDescription(
        "switchboard_deliveries_total", .counter,
        "Pushes handed to clients of this node (delivered), or skipped because a queue was full (dropped).")
    static let deliveryLatency = MetricDescription(
        "switchboard_delivery_latency_seconds", .histogram,
        "Time from a push's acceptance, on whichever node, until a client's socket or queue has it.")
    static let mailboxPushes = MetricDescription(
        "switchboard_mailbox_pushes", .histogram, "Pushes in a mailbox, each time that one is added.")
    static let mailboxBytes = MetricDescription(
        "switchboard_mailbox_bytes", .histogram, "Bytes of payload in a mailbox, each time that a push is added.")
    static let commands = MetricDescription(
        "switchboard_commands_total", .counter, "Commands whose callers waited here, by outcome.")
    static let commandLatency = MetricDescription(
        "switchboard_command_latency_seconds", .histogram, "Time from a command's acceptance to its client's result.")

    // MARK: Bus

    static let busAvailable = MetricDescription(
        "switchboard_bus_available", .gauge, "1 while messages go to the other nodes; always on a single node.")
    static let busMessages = MetricDescription(
        "switchboard_bus_messages_received_total", .counter, "Messages from other nodes and from this one.")
    static let busDropped = MetricDescription(
        "switchboard_bus_messages_dropped_total", .counter, "Messages that were dropped since nobody could read them.")
    static let busLag = MetricDescription(
        "switchboard_bus_lag_seconds", .gauge, "How long the last canary took through Redis and back.")
    static let canaryAge = MetricDescription(
        "switchboard_bus_canary_age_seconds", .gauge, "Time since a canary last came back through Redis.")
    static let reconnects = MetricDescription(
        "switchboard_redis_reconnects_total", .counter, "How often the link to Redis was made again.")
    static let redisCommands = MetricDescription(
        "switchboard_redis_commands_total", .counter, "Commands that were sent to Redis.")

    // MARK: Webhooks

    static let webhookBacklog = MetricDescription(
        "switchboard_webhook_backlog_events", .gauge, "Events of the cluster that no webhook has taken yet.")
    static let webhookAge = MetricDescription(
        "switchboard_webhook_oldest_event_age_seconds", .gauge, "How long the oldest of them has waited.")
    static let webhookDead = MetricDescription(
        "switchboard_webhook_dead_letters", .gauge, "Events of the cluster that were given up.")

    // MARK: Process

    static let cpu = MetricDescription(
        "process_cpu_seconds_total", .counter, "Processor time of the process, user and system.")
    static let residentMemory = MetricDescription("process_resident_memory_bytes", .gauge, "Memory that is resident.")
    static let virtualMemory = MetricDescription("process_virtual_memory_bytes", .gauge, "Memory that is mapped.")
    static let descriptors = MetricDescription("process_open_fds", .gauge, "File descriptors that are open.")
    static let descriptorsLimit = MetricDescription(
        "process_max_fds", .gauge, "The most file descriptors that may be open.")
    static let startTime = MetricDescription(
        "process_start_time_seconds", .gauge, "Unix time at which the process was started.")

    static let refusals = MetricDescription(
        "switchboard_metrics_refused_series_total", .counter,
        "Series that were added up under 'other' because their metric has too many.")

    /// Those that are recorded by way of swift-metrics; the others are read where they are counted.
    static let recorded = [limited, mailboxPushes, mailboxBytes, commands, commandLatency]

    static let scales: [String: HistogramScale] = [
        mailboxPushes.name: .count, mailboxBytes.name: .bytes, commandLatency.name: .conversation,
    ]
}
