import Foundation

/// The frames of `switchboard.v1` that tests read; what they do not name is not looked at.
struct Hello: Decodable, Sendable {
    struct Heartbeat: Decodable, Sendable {
        var interval: Double
        var timeout: Double
    }
    struct Reconnect: Decodable, Sendable {
        var min: Double
        var max: Double
    }
    var clientId: String
    var session: String
    var epoch: Int
    var node: String
    var heartbeat: Heartbeat
    var reconnect: Reconnect
    var recovered: Bool
}

struct PushFrame: Decodable, Sendable {
    var id: String
    var channel: String
    var base64: String?
    var from: String?
}

struct AckFrame: Decodable, Sendable {
    var ref: String
}

struct ErrorFrame: Decodable, Sendable {
    var code: String
    var message: String
    var ref: String?
}

struct GoAwayFrame: Decodable, Sendable {
    var reason: String
    var reconnectAfter: Double
}

private struct AnyFrame: Decodable {
    var type: String
}

extension SocketClient {
    /// The next message, which must be a frame of this type.
    @discardableResult
    func frame<Frame: Decodable>(
        _ type: String, of: Frame.Type = Frame.self, within time: Duration = .seconds(5)
    ) async throws -> Frame {
        try Self.read(try await text(within: time), type)
    }

    /// The next message, which must be a push: the frame, and its text as it came.
    func push(within time: Duration = .seconds(5)) async throws -> (frame: PushFrame, text: String) {
        let text = try await text(within: time)
        return (try Self.read(text, "push"), text)
    }

    private static func read<Frame: Decodable>(_ text: String, _ type: String) throws -> Frame {
        let data = Data(text.utf8)
        guard try JSONDecoder().decode(AnyFrame.self, from: data).type == type else {
            throw Unexpected(description: "a frame '\(type)' expected, not \(text.prefix(500))")
        }
        return try JSONDecoder().decode(Frame.self, from: data)
    }
}
