import NIOHTTP1
import SwitchboardProtocol
import SwitchboardServer

/// Whether the way from outside to the nodes lets through what clients need: the upgrade, their address, long silence.
struct PublicURLChecks {
    /// A network for documentation (RFC 5737): no client has this address.
    private static let forged = "203.0.113.77"

    private let url: String
    private let ca: String?
    private let api: APIClient
    private let trusted: [AddressRange]

    /// - Parameters:
    ///   - key: For the HTTP API; nil where it asks for none.
    ///   - ca: A PEM file with the certificates to trust; nil trusts whom the system trusts.
    ///   - trusted: The networks whose `X-Forwarded-For` the nodes believe.
    /// - Throws: ``Failure`` when it is no URL.
    init(url: String, key: APIKeyText?, ca: String? = nil, trusted: [AddressRange]) throws(Failure) {
        self.trusted = trusted
        self.ca = ca
        let scheme = url.hasPrefix("wss://") ? "https" : "http"
        let isSocket = url.hasPrefix("ws://") || url.hasPrefix("wss://")
        let base = isSocket ? scheme + url.drop { $0 != ":" } : url
        api = try APIClient(url: base, key: key, ca: ca)
        self.url = api.base
    }

    func findings() async -> [Finding] {
        var findings = [await readiness()]
        do {
            let client = Self.newClient()
            let connection = try await QuietConnection("\(url)/ws", ca: ca, client: client)
            findings.append(.ok("proxy.upgrade", "a WebSocket to node \(connection.hello.node) is open"))
            findings.append(await forwarding(connection, client))
            findings.append(await silence(on: connection))
            await connection.close()
        } catch let failed as QuietConnection.Failed {
            findings.append(Self.upgrade(failed))
        } catch {
            findings.append(.problem("proxy.upgrade", "\(error)", advice: "give --url as http://host or https://host"))
        }
        return findings
    }

    private static func newClient() -> ClientID { ClientID(unchecked: "doctor-" + SessionID.random().rawValue) }

    private func readiness() async -> Finding {
        do {
            _ = try await api.get("/readyz")
            return .ok("proxy.ready", "\(api.name)/readyz answers")
        } catch {
            return .problem(
                "proxy.ready", "\(api.name)/readyz: \(error)",
                advice: "see that the proxy runs, passes HTTP on, and has a ready node")
        }
    }

    private static func upgrade(_ failed: QuietConnection.Failed) -> Finding {
        // It has reached a node, and was understood.
        if failed.status == 401 {
            return .unknown("proxy.upgrade", "the nodes ask clients for a token, and the doctor has none")
        }
        let advice =
            switch failed.status {
            case 503: "see that a node is ready and below its maxConnections and acceptRate"
            case .some:
                "let the proxy pass the upgrade: HTTP/1.1 to the node with the headers Upgrade and Connection (nginx: "
                    + "proxy_http_version 1.1, proxy_set_header Upgrade $http_upgrade, Connection \"upgrade\"), on a connection "
                    + "that carried no other request"
            case nil: "see that the proxy runs and reaches a node"
            }
        return .problem("proxy.upgrade", failed.reason, advice: advice)
    }

    // MARK: - X-Forwarded-For

    private func forwarding(_ connection: QuietConnection, _ client: ClientID) async -> Finding {
        let check = "proxy.address"
        do {
            let seen = try await address(of: client)
            if seen == connection.address {
                return .ok(check, "there is no proxy in between: the node sees this connection itself")
            }
            guard AddressRange(seen) != nil else {
                return .problem(
                    check, "the node takes the proxy's address, \(seen), for the client's",
                    advice: "let the proxy set X-Forwarded-For, and name its network in trustedProxies")
            }
            let liar = Self.newClient()
            let second = try await QuietConnection(
                "\(url)/ws", ca: ca, client: liar, headers: ["X-Forwarded-For": Self.forged])
            let claimed = try await address(of: liar)
            await second.close()
            // Whoever is trusted is believed, also when the one that asks is.
            if claimed == Self.forged, !trusted.contains(where: { $0.contains(seen) }) {
                return .problem(
                    check, "the node believes what a client writes into X-Forwarded-For",
                    advice: "let the proxy set the header, whatever the client sent (nginx: proxy_set_header "
                        + "X-Forwarded-For $remote_addr)")
            }
            return .ok(check, "the node sees \(seen) as this client's address")
        } catch {
            return .unknown(check, "\((error as? QuietConnection.Failed)?.reason ?? "\(error)")")
        }
    }

    private func address(of client: ClientID) async throws -> String {
        let answer = try await api.get("/v1/clients/\(client)")
        let document = try JSONDocument(answer)
        return document["address"].flatMap(document.string) ?? "unknown"
    }

    // MARK: - Silence

    private func silence(on connection: QuietConnection) async -> Finding {
        let check = "proxy.silence"
        let (interval, timeout) = (connection.hello.heartbeatInterval, connection.hello.heartbeatTimeout)
        let limit = interval * 1.1 + timeout
        Output.note("leaving a WebSocket alone until its heartbeat, for up to \(Self.seconds(limit))")
        switch await connection.silence(atMost: limit) {
        case .heartbeat(let silence):
            return .ok(check, "a heartbeat came after \(Self.seconds(silence)) of silence")
        case .ended(let silence, let reason):
            return .problem(
                check,
                "after \(Self.seconds(silence)) of silence \(reason), but heartbeats come every \(Self.seconds(interval)) "
                    + "only",
                advice:
                    "raise the proxy's time-out for WebSockets above \(Self.seconds(interval * 1.1 + timeout)) (nginx: "
                    + "proxy_read_timeout, proxy_send_timeout), or lower heartbeatInterval below "
                    + "\(Self.seconds(max(0, silence - timeout) / 1.1))")
        case .timeUp, .opened, .hello:
            return .problem(
                check, "no heartbeat came within \(Self.seconds(limit))",
                advice: "see that the proxy does not hold back what nodes send (nginx: proxy_buffering off)")
        }
    }

    private static func seconds(_ seconds: Double) -> String {
        let tenths = Int((seconds * 10).rounded())
        return tenths.isMultiple(of: 10) ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
    }
}
