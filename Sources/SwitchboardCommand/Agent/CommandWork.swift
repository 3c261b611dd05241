import NIOCore
import SwitchboardAgent
import SwitchboardProtocol

/// Runs the program for a command, and makes its result of what the program puts out.
struct CommandWork {
    let runner: ProgramRunner
    /// The most bytes of output that can be a result.
    let limit: Int
    /// Says on standard error what each command came to.
    let notes: Bool

    func run(_ command: CommandRequest, client: String) async throws -> CommandResult {
        var environment = [
            "SWITCHBOARD_COMMAND_ID": command.id, "SWITCHBOARD_COMMAND_NAME": command.name,
            "SWITCHBOARD_COMMAND_TIMEOUT": "\(command.timeout)", "SWITCHBOARD_CLIENT_ID": client,
        ]
        if let key = command.signedBy { environment["SWITCHBOARD_COMMAND_KEY"] = key.rawValue }
        let (exit, output): (ProgramRunner.Exit, ByteBuffer)
        do {
            (exit, output) = try await runner.capture(
                input: command.payload.plain, environment: environment, limit: limit)
        } catch {
            Output.note("switchboard: command \(command.id) (\(command.name)): \(error)")
            throw error
        }
        if notes { Output.note("\(Clock.now()) command \(command.id) (\(command.name)): \(exit)") }
        // One that was told to end and then ended in its own way may still have something to say.
        if case .signal = exit { try Task.checkCancellation() }
        return result(exit, output)
    }

    private func result(_ exit: ProgramRunner.Exit, _ output: ByteBuffer) -> CommandResult {
        guard output.readableBytes <= limit else {
            return .failure(500, "the program put out more than \(limit) bytes (\(exit))")
        }
        if exit != .status(0), output.readableBytes == 0 { return .failure(500, "\(exit)") }
        return CommandResult(status: exit == .status(0) ? 200 : 500, payload: Self.payload(output))
    }

    /// JSON when it is JSON, else text without its last line end, else bytes.
    private static func payload(_ output: ByteBuffer) -> Payload {
        if (try? JSONDocument.validate(output)) != nil { return Payload(format: .json, bytes: output) }
        guard UTF8Text.isValid(output) else { return Payload(format: .binary, bytes: output) }
        var text = output
        if output.readableBytesView.last == UInt8(ascii: "\n") {
            text = output.getSlice(at: output.readerIndex, length: output.readableBytes - 1) ?? output
        }
        return Payload(format: .text, bytes: text)
    }
}
