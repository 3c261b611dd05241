import NIOCore
import SwitchboardProtocol

/// Why a command is not run although its client could: the `code` of a result with the status 401.
enum CommandRefusal: Error, Equatable {
    case required
    case unknownKey(SigningKeyID)
    case invalid
    /// Unix seconds of this machine's clock, which may be the one that is wrong.
    case expired(now: Int)
    case notYetValid(now: Int)
    case validForTooLong
    case replayed
    case superseded

    var code: String {
        switch self {
        case .required: "signature_required"
        case .unknownKey: "signature_unknown_key"
        case .invalid: "signature_invalid"
        case .expired, .superseded: "signature_expired"
        case .notYetValid: "signature_not_yet_valid"
        case .validForTooLong: "signature_too_long"
        case .replayed: "signature_replayed"
        }
    }

    private var text: String {
        switch self {
        case .required: "only commands that are signed are run here"
        case .unknownKey(let key): "the key \(key) is not known here"
        case .invalid: "the signature is not that of this command to this client"
        case .expired: "the signature's time is over"
        case .notYetValid: "the signature's time has not come"
        case .validForTooLong: "a signature may be good for \(CommandSignature.longestValidity) seconds"
        case .replayed: "the id was used for another command"
        case .superseded: "commands that expire later were forgotten already, so this one may be a repetition"
        }
    }

    /// What the caller gets.
    var result: CommandResult {
        let document = JSONObjectWriter.document { json in
            json.string("error", text)
            json.string("code", code)
            switch self {
            case .expired(let now), .notYetValid(let now): json.integer("now", now)
            default: break
            }
        }
        return CommandResult(status: 401, payload: Payload(format: .json, bytes: document))
    }
}
