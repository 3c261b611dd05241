import NIOCore
import SwitchboardCore
import SwitchboardProtocol

/// The body of `POST /v1/push`, and a line of `POST /v1/pushes`.
enum PushDocument {
    static func read(_ body: ByteBuffer) throws(Problem) -> PushOrder {
        let document: JSONDocument
        do throws(JSONError) { document = try JSONDocument(body) } catch { throw .malformedJSON(error) }
        guard let slice = document["to"], let to = document.object(slice) else {
            throw .invalidTarget("'to' must be an object")
        }
        let target: Target
        do throws(TargetError) {
            target = try Target(parsing: to)
        } catch {
            if case .invalidClient = error { throw .invalidClientID }
            if case .invalidGroup = error { throw .invalidGroup }
            throw .invalidTarget(error.description)
        }
        var options = PushOptionsReader()
        for (name, value) in document.members {
            switch name {
            case "to", "data", "text", "base64": break
            case "offline": options.offline = document.word(value) ?? ""
            case "durable":
                guard let isDurable = document.boolean(value) else {
                    throw .invalidRequest("'durable' must be true or false")
                }
                options.isDurable = isDurable
            case "ttl": options.timeToLive = .some(document.number(value))
            case "collapse": options.collapse = try string(name, value, document)
            case "id": options.id = try string(name, value, document)
            default: throw .invalidRequest("unknown member '\(name.prefix(bytes: 64))'")
            }
        }
        let payload: Payload
        do throws(PayloadError) { payload = try Payload(parsing: document) } catch {
            throw .invalidPayload(error.description)
        }
        return PushOrder(target: target, payload: payload, options: try options.checked(for: target))
    }

    private static func string(_ name: String, _ value: JSONSlice, _ document: JSONDocument) throws(Problem) -> String {
        guard let text = document.string(value) else { throw .invalidRequest("'\(name)' must be a string") }
        return text
    }
}
