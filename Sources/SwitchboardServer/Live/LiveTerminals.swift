import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// The terminals that an operator looks at over one socket. The socket's event loop owns it.
///
/// It decides who may, says who it is, and notes what becomes of it; what is drawn and typed is between the operator's page and
/// the client's agent, so nothing of that is kept here.
final class LiveTerminals {
    static let maximumViewers = 16

    private struct Viewer {
        let client: ClientID
        /// nil while it has only asked which terminals there are.
        var visit: TerminalVisit?
        /// It has asked to be let in, and no answer is noted yet: a client cannot fill the log by answers to nothing.
        var hasAsked = false
        /// The agent has let it in.
        var isAttached = false
        /// To how many nodes the last order to attach went, and how many of them do not have the client.
        var routed: Int?
        var missing = 0
        /// Its output that is not in the socket yet.
        var backlog = TerminalBacklog()

        var isOffline: Bool { routed.map { missing >= $0 } ?? false }
    }

    private weak var session: LiveSession?
    private let node: Node
    private let loop: any EventLoop
    private let owner: String
    private var viewers: [String: Viewer] = [:]
    private var hasNotedRefusal = false

    init(_ session: LiveSession) {
        self.session = session
        node = session.node
        loop = session.loop
        owner = session.id
        session.onClose { [self] in leaveAll() }
    }

    // MARK: What the operator says

    func obey(_ frame: LiveFrame) throws(LiveError) {
        guard let session else { return }
        var order: TerminalOrder
        do throws(FrameError) { order = try TerminalOrder(parsing: frame.members.buffer) } catch {
            throw .invalidFrame(error.description)
        }
        guard let principal = session.principal, session.mayOperateTerminals else {
            leaveAll()
            noteRefusal(order, frame, session)
            throw LiveError(code: "insufficient_scope", message: "terminals need the scope admin")
        }
        switch order.action {
        case .attach(var attach):
            attach.operatorName = principal.name.prefix(bytes: TerminalOrder.maximumOperatorBytes)
            order.action = .attach(attach)
            let client = try frame.client()
            try sit(order.viewer, client, visit(of: attach, order.viewer, client, session))
        case .list:
            let client = if let viewer = viewers[order.viewer] { viewer.client } else { try frame.client() }
            try sit(order.viewer, client, nil)
        case .detach: return leave(order.viewer)
        case .took:
            // Who has only asked for a list has nothing to see, and keeps nobody's place.
            if let viewer = viewers[order.viewer], viewer.visit == nil { return }
        case .input, .resize, .end:
            // Nobody acts unseen: a visit is noted when the agent has let it in, and a viewer sends again what is not taken.
            if let viewer = viewers[order.viewer], !viewer.isAttached { return }
        }
        guard let client = viewers[order.viewer]?.client else {
            throw LiveError(code: "not_attached", message: "the viewer is not attached here")
        }
        node.terminals.send(order, to: client)
    }

    private func visit(
        of attach: TerminalOrder.Attach, _ viewer: String, _ client: ClientID, _ session: LiveSession
    ) -> TerminalVisit {
        TerminalVisit(
            client: client, terminal: attach.terminal, mode: attach.mode, viewer: viewer,
            operatorName: session.principal?.name ?? "", address: session.address)
    }

    /// Once for a socket: whoever may not must not fill the log either.
    private func noteRefusal(_ order: TerminalOrder, _ frame: LiveFrame, _ session: LiveSession) {
        guard !hasNotedRefusal, case .attach(let attach) = order.action, let client = try? frame.client() else {
            return
        }
        hasNotedRefusal = true
        node.refused(visit(of: attach, order.viewer, client, session), code: "insufficient_scope")
    }

    /// - Parameter visit: nil only asks which terminals there are.
    private func sit(_ name: String, _ client: ClientID, _ visit: TerminalVisit?) throws(LiveError) {
        guard var viewer = viewers[name] else {
            guard viewers.count < Self.maximumViewers else {
                throw LiveError(
                    code: "too_many_viewers", message: "a socket may have \(Self.maximumViewers) viewers")
            }
            viewers[name] = Viewer(client: client, visit: visit, hasAsked: visit != nil)
            let box = NIOLoopBound(self, eventLoop: loop)
            node.terminals.take(name, of: client, by: owner) { [loop] word in
                loop.execute { box.value.hear(word, for: name) }
            }
            return
        }
        guard viewer.client == client else { throw .invalidFrame("a viewer stays with its client") }
        if let visit, visit.terminal != viewer.visit?.terminal || visit.mode != viewer.visit?.mode {
            if viewer.isAttached, let before = viewer.visit { node.detached(before) }
            viewer.isAttached = false
            viewer.visit = visit
        }
        if visit != nil { viewer.hasAsked = true }
        (viewer.routed, viewer.missing) = (nil, 0)
        viewers[name] = viewer
    }

    private func leave(_ name: String) {
        guard let viewer = viewers.removeValue(forKey: name) else { return }
        // Where it was taken over it goes on, over another socket.
        if node.terminals.leave(name, by: owner) {
            node.terminals.send(TerminalOrder(viewer: name, action: .detach), to: viewer.client)
        }
        // Who leaves before the answer has come may be let in all the same.
        guard let visit = viewer.visit, viewer.isAttached || (viewer.hasAsked && !viewer.isOffline) else { return }
        node.detached(visit)
    }

    /// The keys may have changed: who may not any more sees nothing more either, even one who says nothing.
    func checkScope() {
        guard !viewers.isEmpty, session?.mayOperateTerminals == false else { return }
        leaveAll()
    }

    private func leaveAll() { for name in Array(viewers.keys) { leave(name) } }

    // MARK: What it is told

    private func hear(_ word: TerminalDesk.Word, for name: String) {
        guard var viewer = viewers[name], let session else { return }
        var frame: ByteBuffer?
        var isOutput = false
        switch word {
        case .routed(let nodes):
            viewer.routed = nodes
            if viewer.isOffline { frame = Self.offline(name) }
        case .failed(let error):
            frame = LiveFrame.error(LiveError(code: error.code, message: error.description), ref: name)
        case .told(.notHere):
            viewer.missing += 1
            if viewer.isOffline { frame = Self.offline(name) }
        case .told(.report(let event)):
            guard viewer.visit != nil || event.isListing else { return }
            frame = report(event, name, &viewer, session)
            // What the agent did is noted whether or not the operator hears of it; only an end is told again.
            if case .ended = event, frame == nil {} else { note(event, &viewer) }
            isOutput = event.isOutput
        }
        viewers[name] = viewer
        // What a viewer does not hear it asks for again: no operator is closed because of terminals.
        guard let frame, session.hasRoom(for: frame.readableBytes) else { return }
        let before = session.handed
        session.send(frame)
        if isOutput { viewers[name]?.backlog.add(session.handed - before, endingAt: session.handed) }
    }

    /// - Returns: The frame for the operator; nil when it is left out.
    private func report(
        _ event: TerminalReport.Event, _ name: String, _ viewer: inout Viewer, _ session: LiveSession
    ) -> ByteBuffer? {
        var text = ByteBuffer()
        TerminalReport(viewer: name, event: event).write(into: &text)
        guard session.hasRoom(for: text.readableBytes) || event.isOutput else { return nil }
        switch event {
        case .output(let offset, let bytes):
            guard hasRoom(for: text.readableBytes, viewer.backlog, session) else {
                viewer.backlog.miss(upTo: offset + UInt64(bytes.readableBytes))
                return nil
            }
        // It comes after all output: the agent tells it again when it has sent what is missing.
        case .ended where viewer.backlog.missed != nil: return nil
        // Output goes on where the viewer has asked for it.
        case .here: _ = viewer.backlog.takeMissed()
        default: break
        }
        return text
    }

    private func hasRoom(for count: Int, _ backlog: TerminalBacklog, _ session: LiveSession) -> Bool {
        // This one counts, too, with whatever waits for it.
        var all = (viewers: backlog.isEmpty ? 1 : 0, bytes: 0)
        for viewer in viewers.values where !viewer.backlog.isEmpty {
            all.viewers += 1
            all.bytes += viewer.backlog.bytes
        }
        return backlog.hasRoom(for: count, among: all.viewers, total: all.bytes)
            && session.hasRoom(for: count, leaving: LiveSession.reserve)
    }

    /// All that the socket was handed up to this place has left it. Viewers that miss output learn that they do, by output
    /// without bytes behind the gap.
    func written(upTo place: Int) {
        guard let session else { return }
        for (name, viewer) in viewers where !viewer.backlog.isEmpty || viewer.backlog.missed != nil {
            var backlog = viewer.backlog
            backlog.written(upTo: place)
            var missed: UInt64?
            if backlog.isEmpty, session.hasRoom(for: TerminalBacklog.limit, leaving: LiveSession.reserve) {
                missed = backlog.takeMissed()
            }
            viewers[name]?.backlog = backlog
            guard let missed else { continue }
            var text = ByteBuffer()
            TerminalReport(viewer: name, event: .output(offset: missed, bytes: ByteBuffer())).write(into: &text)
            session.send(text)
        }
    }

    private func note(_ event: TerminalReport.Event, _ viewer: inout Viewer) {
        guard let visit = viewer.visit else { return }
        switch event {
        case .here where !viewer.isAttached && viewer.hasAsked:
            viewer.hasAsked = false
            viewer.isAttached = true
            node.attached(visit)
        case .ended(let status, let signal, let reason) where viewer.isAttached:
            (viewer.isAttached, viewer.hasAsked) = (false, false)
            node.ended(visit, status: status, signal: signal, reason: reason)
        case .refused(let code, _) where !viewer.isAttached && viewer.hasAsked:
            viewer.hasAsked = false
            node.refused(visit, code: code)
        default: break
        }
    }

    private static func offline(_ viewer: String) -> ByteBuffer {
        JSONObjectWriter.document { json in
            json.string("type", "terminal")
            json.string("viewer", viewer)
            json.string("op", "offline")
        }
    }
}

extension LiveFrame {
    fileprivate func client() throws(LiveError) -> ClientID {
        guard let id = members["client"].flatMap({ members.string($0) }).flatMap({ ClientID(rawValue: $0) }) else {
            throw .invalidFrame("'client' must be a client id")
        }
        return id
    }
}

extension TerminalReport.Event {
    fileprivate var isOutput: Bool { if case .output = self { true } else { false } }

    /// What somebody hears who only asks which terminals there are.
    fileprivate var isListing: Bool {
        switch self {
        case .terminals, .refused: true
        default: false
        }
    }
}

extension BusError {
    fileprivate var code: String {
        switch self {
        case .unavailable: "bus_unavailable"
        case .overloaded: "overloaded"
        }
    }
}
