import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// Messages of every kind, plain and awkward.
enum BusSamples {
    static let longest = String(repeating: "x", count: 128)

    static let payloads: [Payload] = [
        text(""), text("hello"), text("two\nlines\n"), text("\n"), text("{\"not\": json"), text("äö\u{1F600}\u{2028}"),
        Payload(format: .json, bytes: ByteBuffer(string: #"{"a": [1, 2.50, "\u00e4\n"]}"#)),
        Payload(format: .json, bytes: ByteBuffer(string: "{\n  \"a\": 1\n}\n")),
        Payload(format: .binary, bytes: ByteBuffer()),
        Payload(format: .binary, bytes: ByteBuffer(bytes: 0...255)),
        Payload(format: .binary, bytes: ByteBuffer(string: "{}\n{}")),
        Payload(format: .binary, bytes: ByteBuffer(repeating: 0x0A, count: 1024 * 1024)),
    ]

    static let targets: [Target] = [
        .client(client("kiosk-7")), .client(client(longest)), .clients([client("a")]),
        .clients((0..<Target.maximumClients).map { client("c\($0)") }), .group(group("shop:1")),
        .labels(["role": "till \"1\"\n", "\u{E9}": "", " ": "\u{7}\\"]), .all,
    ]

    private static let pushes: [BusMessage] =
        payloads.map { .push(push($0)) } + targets.map { .push(push(text("x"), to: $0)) }
        + [
            .push(BusPush(id: PushID(unchecked: longest), target: .all, payload: text("x"))),
            .push(push(text("x"), at: UInt64(Int.max))),
        ] + keptPushes.map { .push($0) }

    /// With the members that few pushes have.
    private static let keptPushes: [BusPush] = {
        let place = StreamOffset(milliseconds: 1_700_000_000_123, sequence: .max)
        let durable = [
            BusPush.Durable(expiresAt: UInt64(Int.max)), BusPush.Durable(expiresAt: 0, collapse: ""),
            BusPush.Durable(expiresAt: 1, collapse: "a \"b\"\n"),
            BusPush.Durable(expiresAt: 2, place: BusPush.Place(offset: place, previous: .zero)),
            BusPush.Durable(
                expiresAt: 3, collapse: "c", place: BusPush.Place(offset: place, previous: place, epoch: "E")),
        ]
        var waiting = push(text("x"), to: .client(client("c")))
        waiting.waits = true
        waiting.ticket = UInt64(Int.max)
        var measured = push(text("x"), to: .client(client("c")))
        measured.microseconds = 7
        var traced = measured
        traced.waits = true
        traced.trace = trace
        var published = push(text("x"), to: .group(group("g")))
        published.from = client(longest)
        var pushes = [waiting, measured, traced, published]
        for kept in durable {
            for waits in [false, true] {
                var push = push(text("x"), to: .group(group("g")))
                push.durable = kept
                push.waits = waits
                push.microseconds = 999
                push.trace = waits ? trace : nil
                pushes.append(push)
            }
        }
        return pushes
    }()

    static let trace = TraceContext(
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate: "a@b=1, c=\"2\"")

    private static let command = CommandID(unchecked: "k-1")

    private static let commands: [BusMessage] =
        payloads.flatMap { payload -> [BusMessage] in
            [
                .command(
                    BusCommand(
                        id: command, client: client("c"), name: "n \"1\"\n", payload: payload, timeout: 30,
                        origin: node("n1"))),
                event(.output(payload)), event(.result(status: 200, payload)),
            ]
        } + [
            .command(
                BusCommand(
                    id: CommandID(unchecked: longest), client: client(longest), name: "", payload: text("x"),
                    timeout: 0.1, origin: node("n1"), trace: trace)),
            .command(
                BusCommand(
                    id: command, client: client("c"), name: "n", payload: text("x"), timeout: 30, origin: node("n1"),
                    trace: trace,
                    signature: CommandSignature(
                        key: SigningKeyID(unchecked: longest), issued: 0, expires: CommandSignature.latestTime,
                        value: "-_"))),
            .cancel(Cancellation(id: command, client: client("c"))), event(.result(status: 499, nil)),
            event(.delivered), event(.notHere), event(.unsupported), event(.queueFull), event(.sessionEnded),
        ]

    private static func event(_ kind: CommandEvent.Kind) -> BusMessage {
        .commandEvent(CommandEvent(id: command, node: node("n2"), kind: kind))
    }

    private static let controls: [Control.Action] = [
        .close(code: 0, reason: ""), .close(code: .max, reason: "line\n\"quoted\" \u{1F600}"), .join(group("g")),
        .leave(group(longest)),
    ]

    private static let others: [BusMessage] = [
        .receipt(Receipt(ticket: 1, node: node("n1"), matched: 3, delivered: 2, dropped: 1)),
        .receipt(Receipt(ticket: UInt64(Int.max), node: node("n1"), matched: 0, delivered: 0, dropped: 0)),
        .acknowledged(Acknowledgement(ticket: 1, node: node("n1"), clients: 4000)),
        .acknowledged(Acknowledgement(ticket: UInt64(Int.max), node: node("n1"), clients: 0)),
        .evict(
            Eviction(
                client: client("c"), session: SessionID(unchecked: "s"), epoch: UInt64(Int.max), node: node("n2"),
                address: "[2001:db8::1]:80\"\\\n")),
        .done(ControlOutcome(id: "", node: node("n1"), result: .done)),
        .done(ControlOutcome(id: "o\n1", node: node("n1"), result: .notHere)),
        .done(ControlOutcome(id: "o", node: node("n1"), result: .refused)),
        .query(Query(id: "q", origin: node("n1"), subject: .groups)),
        .query(Query(id: "q", origin: node("n1"), subject: .members(group("g")))),
        .query(Query(id: "q", origin: node("n1"), subject: .stats)),
        .query(Query(id: "q", origin: node("n1"), subject: .closes(7))),
        .query(Query(id: "q", origin: node("n1"), subject: .alerts)),
        .query(Query(id: "q", origin: node("n1"), subject: .drain)),
        .query(Query(id: "q", origin: node("n1"), subject: .serve)),
        .query(Query(id: "q", origin: node("n1"), subject: .reach(.labels(["a\n": "\""])))),
        .query(Query(id: "q", origin: node("n1"), subject: .reach(.clients([client("a"), client("b")])))),
        .query(Query(id: "q", origin: node("n1"), subject: .pushes(50))),
        .watch(Watch(id: "w", origin: node("n1"), lease: 0)),
        .watch(
            Watch(
                id: "w\n", origin: node("n1"), client: client(longest), types: ["push.acked", "\"", ""],
                lease: Watch.maximumLease)),
        .events(EventBatch(watch: "w", node: node("n1"), dropped: 0, lines: ByteBuffer())),
        .events(EventBatch(watch: "w", node: node("n1"), dropped: 3, lines: ByteBuffer(string: "a {}\nb {}\n"))),
        .answer(Answer(id: "q", node: node("n1"), body: ByteBuffer())),
        .answer(Answer(id: "q", node: node("n1"), body: ByteBuffer(string: "{\"groups\":\n{}}\n"))),
        .groupWatch(GroupWatch(group: group("g"), origin: node("n1"), lease: 0, wantsAll: false)),
        .groupWatch(
            GroupWatch(group: group(longest), origin: node(longest), lease: Watch.maximumLease, wantsAll: true)),
        .groupChange(GroupChange(group: group("g"), node: node("n1"), sequence: 0, joined: [])),
        .groupChange(
            GroupChange(
                group: group("g"), node: node("n1"), sequence: 7, begins: true, ends: true, isComplete: false,
                joined: [
                    GroupMember(client: client("a"), labels: ["role \"1\"\n": ""]), GroupMember(client: client("b")),
                ],
                left: [client(longest)])),
        .alert(AlertNotice(.raised, alert(.number(0.97)))), .alert(AlertNotice(.cleared, alert(.text("\"\n")))),
        .alert(AlertNotice(.gone, alert(nil, isOffline: true))),
        .canary(""), .canary("t\u{0}\u{1F}\u{7F}\"\\/"), .nodeUp(node("n1")), .nodeDown(node(longest)),
    ]

    private static let orders: [TerminalOrder.Action] = [
        .attach(.init(terminal: "main")),
        .attach(
            .init(
                terminal: "a.b_c-d", mode: .readOnly, columns: 1, rows: 1000, from: 0, typed: 1 << 53,
                command: "/bin/sh -c \"x\\ny\"", operatorName: "night \u{1F600}")),
        .input(offset: 0, bytes: ByteBuffer(bytes: 0...255)), .input(offset: 1 << 53, bytes: ByteBuffer()),
        .resize(columns: 1000, rows: 1), .took(offset: 7), .detach, .end, .list,
    ]

    private static let reports: [TerminalReport.Event] = [
        .here(
            .init(
                terminal: "main", columns: 80, rows: 24, from: 5, typed: 3, command: "/bin/sh", isNew: true,
                viewers: 1)),
        .output(offset: 0, bytes: ByteBuffer(repeating: 0x0A, count: TerminalReport.maximumOutputBytes)),
        .output(offset: 1 << 53, bytes: ByteBuffer()), .taken(offset: 9), .resized(columns: 80, rows: 24), .viewers(0),
        .ended(status: 0, signal: nil, reason: .exited), .ended(status: nil, signal: 9, reason: .agentStopped),
        .refused(code: "read_only", message: "no \"keys\"\n"), .terminals([]),
        .terminals([.init(terminal: "main", command: "sh", columns: 80, rows: 24, viewers: 2, since: 1)]),
    ]

    private static let terminals: [BusMessage] =
        orders.map {
            .terminalOrder(
                BusTerminalOrder(
                    client: client("c"), origin: node("n1"), order: TerminalOrder(viewer: "v:1", action: $0)))
        }
        + reports.map {
            .terminalReport(BusTerminalReport(client: client("c"), viewer: "v:1", content: .report($0)))
        } + [.terminalReport(BusTerminalReport(client: client(longest), viewer: "v", content: .notHere))]

    private static func alert(_ value: AlertValue?, isOffline: Bool = false) -> Alert {
        Alert(
            client: client(longest), name: "cpu", level: .amber, value: value, since: UInt64(Int.max), node: node("n1"),
            epoch: 7, isOffline: isOffline)
    }

    static let all: [BusMessage] =
        pushes + terminals
        + controls.map { .control(Control(id: "o1", origin: node("n1"), client: client("c"), action: $0)) }
        + others + commands

    static func push(_ payload: Payload, to target: Target = .all, at time: UInt64 = 1_700_000_000_123) -> BusPush {
        BusPush(id: PushID(unchecked: "p1"), target: target, payload: payload, origin: node("n1"), acceptedAt: time)
    }

    /// For pushes that come without an id.
    static let newID = PushID(unchecked: "new")

    static func decode(_ bytes: ByteBuffer) throws(BusCodec.Failure) -> BusMessage {
        try BusCodec.decode(bytes, newID: { newID })
    }
}
