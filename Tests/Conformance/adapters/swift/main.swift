// The conformance kit's agent profile over SwitchboardAgent; see ../../README.md.
// usage: switchboard-conformance-agent URL CLIENT GROUP STATE

import Dispatch
import Logging
import NIOCore
import SwitchboardAgent
import SwitchboardProtocol

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Prints one event. A line is one system call, so that lines of two tasks do not mix and kill -9 leaves none behind.
func say(_ event: String, _ members: (inout JSONObjectWriter) -> Void = { _ in }) {
    var line = ByteBuffer()
    var json = JSONObjectWriter(taking: &line)
    json.string("event", event)
    members(&json)
    line = json.finish()
    line.writeInteger(UInt8(ascii: "\n"))
    while line.readableBytes > 0 {
        let count = line.withUnsafeReadableBytes { write(1, $0.baseAddress, $0.count) }
        guard count > 0 else { return }
        line.moveReaderIndex(forwardBy: count)
    }
}

/// A number in an object, as `sleep` in the data of a push.
func number(_ name: String, in payload: Payload) -> Double? {
    guard let document = try? JSONDocument(payload.bytes) else { return nil }
    return document[name].flatMap(document.number)
}

func flag(_ name: String, in payload: Payload) -> Bool {
    guard let document = try? JSONDocument(payload.bytes) else { return false }
    return document[name].flatMap(document.boolean) ?? false
}

func json(_ text: String) -> Payload { Payload(format: .json, bytes: ByteBuffer(string: text)) }

struct FailedAsTold: Error, CustomStringConvertible {
    let description = "failed as told"
}

@Sendable func handle(_ push: ServerFrame.Push) async {
    say("push") {
        $0.string("id", push.id)
        $0.string("channel", push.channel)
        $0.payload(push.payload)
    }
    // A cancelled sleep ends early, which is what is wanted then.
    if let seconds = number("sleep", in: push.payload) { try? await Task.sleep(for: .seconds(seconds)) }
    say("handled") { $0.string("id", push.id) }
}

@Sendable func perform(_ command: CommandRequest) async throws -> CommandResult {
    guard ["echo", "slow", "fail"].contains(command.name) else { return .unknownCommand }
    say("command") {
        $0.string("id", command.id)
        $0.string("name", command.name)
    }
    switch command.name {
    case "echo": return CommandResult(payload: command.payload)
    case "fail": throw FailedAsTold()
    default: return try await slow(command)
    }
}

@Sendable func slow(_ command: CommandRequest) async throws -> CommandResult {
    do {
        for piece in 1...3 {
            if !flag("quiet", in: command.payload) { try await command.output(json("\(piece)")) }
            try await Task.sleep(for: .seconds(number("interval", in: command.payload) ?? 0.1))
        }
    } catch is CancellationError {
        say("cancelled") { $0.string("id", command.id) }
        throw CancellationError()
    }
    return CommandResult(payload: json(#"{"pieces":3}"#))
}

@Sendable func tell(_ event: AgentEvent) async {
    switch event {
    case .connected(let hello):
        say("connected") {
            $0.string("clientId", hello.client.rawValue)
            $0.string("session", hello.session.rawValue)
        }
    case .disconnected(let code, let reason, let retryIn):
        say("disconnected") {
            $0.integer("code", Int(code.rawValue))
            $0.string("reason", reason)
            if let retryIn { $0.number("retryIn", retryIn) }
        }
    case .attemptFailed(let reason, let retryIn):
        say("failed") {
            $0.string("reason", reason)
            if let retryIn { $0.number("retryIn", retryIn) }
        }
    case .missed(let channel): say("missed") { $0.string("channel", channel) }
    case .goaway(_, let seconds): say("goaway") { $0.number("reconnectAfter", seconds) }
    case .refused: break
    }
}

/// Does what one line of standard input asks for.
@Sendable func obey(_ line: String, _ agent: Agent) async {
    guard let words = try? JSONDocument(ByteBuffer(string: line)) else { return }
    func text(_ name: String) -> String? { words[name].flatMap(words.string) }
    let group = text("group").flatMap(GroupName.init(rawValue:))
    switch text("do") {
    case "send": send(words, text("id") ?? "", agent)
    case "join": if let group { await agent.join(group) }
    case "leave": if let group { await agent.leave(group) }
    case "stop": await agent.stop()
    default: break
    }
}

/// Messages are handed over in the order of the lines; each waits for its own acknowledgement.
@Sendable func send(_ words: JSONDocument, _ id: String, _ agent: Agent) {
    guard let payload = try? Payload(parsing: words) else { return }
    Task.immediate {
        do {
            try await agent.send(payload, id: id)
            say("sent") { $0.string("id", id) }
        } catch {
            say("rejected") {
                $0.string("id", id)
                $0.string("code", "\(error)")
            }
        }
    }
}

let words = Array(CommandLine.arguments.dropFirst())
guard words.count == 4, let client = ClientID(rawValue: words[1]), let group = GroupName(rawValue: words[2]) else {
    print("usage: switchboard-conformance-agent URL CLIENT GROUP STATE")
    exit(2)
}
var configuration = AgentConfiguration(url: words[0], client: client, groups: [group])
configuration.stateFile = words[3]
configuration.healthInterval = 0
let agent = Agent(
    configuration: configuration,
    handlers: AgentHandlers(onPush: handle, onCommand: perform, onEvent: tell),
    logger: Logger(label: "conformance") { _ in SwiftLogNoOpLogHandler() })

// Standard input blocks whoever reads it, so that must not be one of the threads that tasks run on.
let lines = AsyncStream.makeStream(of: String.self)
DispatchQueue.global().async {
    while let line = readLine() { lines.continuation.yield(line) }
}
let listener = Task {
    for await line in lines.stream { await obey(line, agent) }
}

do {
    try await agent.run()
} catch {
    say("stopped") { $0.string("reason", "\(error)") }
    exit(1)
}
exit(0)
