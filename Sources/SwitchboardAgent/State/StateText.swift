import NIOCore
import SwitchboardProtocol

/// The text of a state file: a line that names what it is, then one ``StateRecord`` a line.
enum StateText {
    /// The text is of something else than this agent.
    struct Mismatch: Error, Equatable, CustomStringConvertible {
        let description: String
    }

    /// The first line, its end included.
    static func head(client: ClientID?) -> ByteBuffer {
        var buffer = ByteBuffer()
        var json = JSONObjectWriter(taking: &buffer)
        json.string("file", "switchboard agent state")
        json.integer("version", 1)
        json.string("client", client?.rawValue ?? "")
        buffer = json.finish()
        buffer.writeInteger(UInt8(ascii: "\n"))
        return buffer
    }

    /// The whole text of a memory.
    static func text(of memory: AgentMemory, client: ClientID?) -> ByteBuffer {
        var text = head(client: client)
        for record in memory.records { record.write(into: &text) }
        return text
    }

    /// Reads what was written up to any byte: a last line without its end was torn and never counted. So does a line that
    /// cannot be read, as a machine that lost its power may leave one.
    ///
    /// - Throws: ``Mismatch`` when the text is not that of a state file, or of another client's.
    static func memory(_ text: ByteBuffer, client: ClientID?) throws(Mismatch) -> AgentMemory {
        var memory = AgentMemory()
        let head = head(client: client)
        let bytes = text.readableBytesView
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else {
            guard head.readableBytesView.starts(with: bytes) else { throw Mismatch(description: "it is no state file") }
            return memory
        }
        try check(text.getSlice(at: bytes.startIndex, length: end - bytes.startIndex) ?? ByteBuffer(), client: client)
        var start = end + 1
        while start < bytes.endIndex, let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            if let line = text.getSlice(at: start, length: end - start), let record = StateRecord(line: line) {
                memory.apply(record)
            }
            start = end + 1
        }
        return memory
    }

    private static func check(_ line: ByteBuffer, client: ClientID?) throws(Mismatch) {
        guard let document = try? JSONDocument(line),
            document["file"].flatMap(document.string) == "switchboard agent state",
            let owner = document["client"].flatMap(document.string)
        else { throw Mismatch(description: "it is no state file") }
        guard document["version"].flatMap(document.integer) == 1 else {
            throw Mismatch(description: "it was written by a newer version")
        }
        guard owner == client?.rawValue ?? "" else {
            throw Mismatch(description: "it belongs to \(owner.isEmpty ? "an agent without a name" : "'\(owner)'")")
        }
    }
}
