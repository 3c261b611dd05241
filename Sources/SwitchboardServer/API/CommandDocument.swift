import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// The body of a command.
enum CommandDocument {
    /// The longest name, in characters.
    static let maximumNameLength = 128
    /// The least that a client can be given to answer, in seconds.
    static let minimumTimeout = 0.1

    static func read(_ body: ByteBuffer) throws(Problem) -> CommandOrder {
        let document: JSONDocument
        do throws(JSONError) { document = try JSONDocument(body) } catch { throw .malformedJSON(error) }
        guard let name = document["name"].flatMap({ document.string($0) }), isName(name) else {
            throw .invalidRequest(
                "'name' must have 1-\(maximumNameLength) characters, none of them a control character")
        }
        var order = CommandOrder(name: name, payload: try payload(document))
        for (name, value) in document.members {
            switch name {
            case "name", "data", "text", "base64": break
            case "timeout":
                order.timeout = try seconds(name, value, document, minimumTimeout...CommandOrder.maximumTimeout)
            case "connectTimeout":
                order.connectTimeout = try seconds(name, value, document, 0...CommandOrder.maximumTimeout)
            case "id":
                guard let id = document.string(value).flatMap(CommandID.init(rawValue:)) else {
                    throw .invalidCommandID
                }
                order.id = id
            case "signature": order.signature = try signature(value, document)
            default: throw .invalidRequest("unknown member '\(name.prefix(bytes: 64))'")
            }
        }
        guard order.signature == nil || order.id != nil else {
            throw .invalidRequest("a signed command has the 'id' that was signed")
        }
        return order
    }

    /// What the client could only refuse is refused here; whether the signature is good is for the client to say.
    private static func signature(
        _ value: JSONSlice, _ document: JSONDocument
    ) throws(Problem) -> CommandSignature {
        guard let signature = document.object(value).flatMap({ CommandSignature(parsing: $0) }) else {
            throw .invalidRequest(
                "'signature' must have key, issued and expires (Unix seconds) and value (base64url), and nothing else")
        }
        guard document["text"] == nil else {
            throw .invalidRequest("a signed command has 'data' or 'base64': their bytes reach the client as they are")
        }
        return signature
    }

    private static func isName(_ name: String) -> Bool {
        let characters = name.unicodeScalars
        return (1...maximumNameLength).contains(characters.count)
            && characters.allSatisfy { $0.properties.generalCategory != .control }
    }

    /// A command needs none: its client gets `null` then.
    private static func payload(_ document: JSONDocument) throws(Problem) -> Payload {
        do throws(PayloadError) { return try Payload(parsing: document) } catch {
            guard error == .missing else { throw .invalidPayload(error.description) }
            return Payload(format: .json, bytes: ByteBuffer(string: "null"))
        }
    }

    private static func seconds(
        _ name: String, _ value: JSONSlice, _ document: JSONDocument, _ range: ClosedRange<Double>
    ) throws(Problem) -> Double {
        guard let seconds = document.number(value), range.contains(seconds) else {
            throw .invalidRequest("'\(name)' must be \(range.lowerBound)-\(range.upperBound) seconds")
        }
        return seconds
    }
}
