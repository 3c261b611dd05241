/// Clients, one a line.
struct ClientTable {
    private var table = Table(
        "CLIENT", "STATE", "NODE", "ADDRESS", "CONNECTED", "SEEN", "RTT", "GROUPS", "LABELS", "CLOSED")
    private var isEmpty = true

    mutating func add(_ clients: [ClientAnswer]) {
        for client in clients {
            isEmpty = false
            table.add(
                client.clientId, client.state, client.node ?? "", client.address ?? "",
                client.state == "online" ? Age.text(since: client.connectedAt) : "",
                Age.text(since: client.lastSeenAt), Self.milliseconds(client.rtt),
                (client.groups ?? []).joined(separator: ","),
                (client.labels ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(
                    separator: ","),
                Self.close(client))
        }
    }

    func print() throws {
        try isEmpty ? Output.line("no clients") : table.print()
    }

    /// `0.4ms`, `12ms`
    static func milliseconds(_ value: Double?) -> String {
        guard let value, value.isFinite, value >= 0, value < 1e9 else { return "" }
        if value >= 10 { return "\(Int(value.rounded()))ms" }
        return "\((value * 10).rounded() / 10)ms"
    }

    static func close(_ client: ClientAnswer) -> String {
        [client.closeCode.map(String.init), client.closeReason].compactMap { $0 }.filter { !$0.isEmpty }.joined(
            separator: " ")
    }
}
