import ArgumentParser
import NIOCore
import SwitchboardProtocol

/// What is pushed: the argument, standard input or a file.
struct PayloadOptions: ParsableArguments {
    @Argument(help: "The payload: JSON when it parses as JSON, else text. '-' reads standard input.")
    var data: String?

    @Option(help: "Take the payload from this file; what is neither JSON nor text is sent as bytes.")
    var file: String?

    @Flag(help: "Send the payload as text, even if it is JSON.")
    var text = false

    func validate() throws {
        guard (data == nil) != (file == nil) else { throw ValidationError("Give either DATA, '-' or --file.") }
    }

    func payload() throws -> Payload {
        let bytes = try bytes()
        if !text, (try? JSONDocument.validate(bytes)) != nil { return Payload(format: .json, bytes: bytes) }
        return Payload(format: UTF8Text.isValid(bytes) ? .text : .binary, bytes: bytes)
    }

    private func bytes() throws -> ByteBuffer {
        guard let file else { return data == "-" ? try Input.standard() : ByteBuffer(string: data ?? "") }
        return try Input.file(file)
    }
}
