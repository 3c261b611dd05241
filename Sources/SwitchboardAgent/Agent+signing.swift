import Logging
import NIOCore
import SwitchboardProtocol

// Signed commands: which are let in. What is refused leaves no trace in the memory, so nobody can fill it without a key.
extension Agent {
    /// Whether the command may be run, or be answered as it was before. If not, it has been answered.
    func isAdmitted(_ command: ServerFrame.Command) -> Bool {
        guard let commandGuard else { return true }
        let now = Self.unixSeconds()
        do throws(CommandRefusal) {
            let seal = try commandGuard.check(command, now: now)
            switch memory.seals.standing(of: command.id, seal) {
            case .new: return remember(command.id, seal, now)
            case .known(let later):
                guard !later || remember(command.id, seal, now) else { return false }
                guard memory.commands.contains(command.id) || desk.isWaiting(command.id) else {
                    answer(command.id, .unknownEnd)
                    return false
                }
                return true
            case .other: throw .replayed
            case .tooOld: throw .superseded
            }
        } catch {
            refuse(command, error)
            return false
        }
    }

    /// It may have waited here until its time was over; then it has ended with that.
    func isInTime(_ command: ServerFrame.Command) -> Bool {
        guard let commandGuard, let signature = command.signature else { return true }
        do throws(CommandRefusal) {
            try commandGuard.checkTime(signature, now: Self.unixSeconds())
            return true
        } catch {
            ended(command.id, error.result)
            return false
        }
    }

    private func remember(_ id: String, _ seal: SealBook.Seal, _ now: Int) -> Bool {
        note(.sealed(id: id, at: now, seal))
    }

    private func refuse(_ command: ServerFrame.Command, _ refusal: CommandRefusal) {
        // What is no id of a command came from no backend, and would be logged and sent as it is.
        guard let id = CommandID(rawValue: command.id) else { return }
        logger.warning("a command was refused", metadata: ["command": "\(id)", "code": "\(refusal.code)"])
        answer(id.rawValue, refusal.result)
    }

    /// Answers without keeping the answer; the caller who loses it gets it again when it repeats the command.
    private func answer(_ id: String, _ result: CommandResult) {
        guard state.isOnline, link?.isWritable == true else { return }
        write(.result(id: id, status: result.status, payload: result.payload))
    }
}
