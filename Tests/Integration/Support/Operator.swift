import Foundation
import NIOCore
import Synchronization

/// A frame about a terminal, as far as the tests read it.
struct OperatorFrame: Decodable, Sendable {
    var type: String
    var viewer: String?
    var op: String?
    var code: String?
    var message: String?
    var ref: String?
    var terminal: String?
    var columns: Int?
    var rows: Int?
    var from: Int?
    var typed: Int?
    var offset: Int?
    var base64: String?
    var isNew: Bool?
    var viewers: Int?
    var status: Int?
    var reason: String?

    /// What of it tells frames apart.
    var name: String { type == "terminal" ? op ?? "" : type }
}

/// An operator's socket with one viewer: knows what has come, and where it is in what it typed.
final class Operator: Sendable {
    private struct State {
        var screen: [UInt8] = []
        var place: Int?
        var typed = 0
    }

    let viewer: String
    let socket: SocketClient
    private let state = Mutex(State())

    private init(_ socket: SocketClient, _ viewer: String) {
        self.socket = socket
        self.viewer = viewer
    }

    static func connect(to node: NodeServer, viewer: String = UUID().uuidString) async throws -> Operator {
        var options = SocketClient.Options(port: node.port)
        options.target = "/v1/live"
        options.subprotocols = ["switchboard.operator.v1"]
        let operatorSocket = Operator(try await SocketClient.connect(options), viewer)
        _ = try await operatorSocket.next("hello")
        return operatorSocket
    }

    /// What was shown since it attached.
    var screen: String { state.withLock { String(decoding: $0.screen, as: UTF8.self) } }

    func send(_ op: String, _ members: String = "") async throws {
        try await socket.send(
            #"{"type":"terminal","op":"\#(op)","viewer":"\#(viewer)"\#(members.isEmpty ? "" : "," + members)}"#)
    }

    func ask(_ client: String, _ terminal: String, mode: String = "shared", command: String? = nil) async throws {
        let (from, typed) = state.withLock { ($0.place, $0.typed) }
        var members = #""client":"\#(client)","terminal":"\#(terminal)","mode":"\#(mode)","columns":80,"rows":24"#
        members += #","typed":\#(typed)"#
        if let from { members += #","from":\#(from)"# }
        if let command { members += #","command":"\#(command)""# }
        try await send("attach", members)
    }

    /// Attaches, and waits until the agent has let it in.
    @discardableResult
    func attach(
        _ client: String, _ terminal: String, mode: String = "shared", command: String? = nil
    ) async throws -> OperatorFrame {
        try await ask(client, terminal, mode: mode, command: command)
        return try await next("here")
    }

    func type(_ text: String) async throws {
        let offset = state.withLock { state in
            defer { state.typed += text.utf8.count }
            return state.typed
        }
        let base64 = Data(text.utf8).base64EncodedString()
        try await send("input", #""offset":\#(offset),"base64":"\#(base64)""#)
    }

    /// The next frame of that name; output on the way is shown.
    @discardableResult
    func next(_ name: String, within time: Duration = .seconds(10)) async throws -> OperatorFrame {
        while true {
            let frame = try await next(within: time)
            if frame.name == name { return frame }
        }
    }

    /// Until the screen shows the text.
    func sees(_ text: String, within time: Duration = .seconds(10)) async throws {
        while !shows(text) { _ = try await next(within: time) }
    }

    /// At the end: a screen may be long, and is looked at for every frame.
    private func shows(_ text: String) -> Bool {
        state.withLock { Data($0.screen.suffix(32 << 10)).range(of: Data(text.utf8)) != nil }
    }

    func next(within time: Duration = .seconds(10)) async throws -> OperatorFrame {
        let text = try await socket.text(within: time)
        let frame = try JSONDecoder().decode(OperatorFrame.self, from: Data(text.utf8))
        if frame.op == "here", let from = frame.from {
            state.withLock { $0.place = max($0.place ?? 0, from) }
        }
        guard frame.op == "output", let offset = frame.offset, let base64 = frame.base64,
            let bytes = Data(base64Encoded: base64)
        else { return frame }
        let took: Int? = state.withLock { state in
            guard let place = state.place, offset <= place, offset + bytes.count > place else { return nil }
            state.screen += bytes.dropFirst(place - offset)
            state.place = offset + bytes.count
            return state.place
        }
        if let took { try await send("took", #""offset":\#(took)"#) }
        return frame
    }
}
