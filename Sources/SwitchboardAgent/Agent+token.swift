import FoundationEssentials
import Logging
import NIOCore
import NIOHTTP1
import SwitchboardProtocol

// Who the agent is: the token of the handshake, and newer ones on the open link.
extension Agent {
    /// Asks for the token anew and gives it to the node if it is another one, for those who know that it has changed. The session
    /// goes on.
    public func renewToken() {
        guard state.isOnline, renewal == nil else { return }
        let number = linkNumber
        renewal = Task {
            var token: String?
            do { token = try await askForToken() } catch {
                logger.warning("there is no new token", metadata: ["reason": "\(error)"])
            }
            guard number == linkNumber, !Task.isCancelled else { return }
            renewal = nil
            guard state.isOnline else { return }
            if let token, link?.isWritable == true, credentials.offers(token) { write(.token(token)) }
            awaitRenewal()
        }
    }

    /// Sets the timer for the next token.
    func awaitRenewal() {
        renewalTimer?.cancel()
        let delay = credentials.delay(now: Date().timeIntervalSince1970, random: state.random())
        renewalTimer = delay.map { seconds in
            eventLoop.scheduleTask(in: .seconds(min(seconds, AgentConnectionState.longestDelay))) {
                self.assumeIsolated { $0.renewToken() }
            }
        }
    }

    func endRenewal() {
        renewalTimer?.cancel()
        renewal?.cancel()
        renewal = nil
    }

    /// The header that shows the token; none without a token.
    func authorization(_ token: String?) -> HTTPHeaders {
        guard let token else { return [:] }
        credentials.shown(token)
        return ["Authorization": "Bearer \(token)"]
    }

    /// - Returns: nil where none is to be shown.
    func askForToken() async throws -> String? {
        guard let give = configuration.token else { return nil }
        let token: String
        do { token = try await give() } catch { throw NoToken(reason: "\(error)") }
        guard Credentials.isToken(token) else { throw NoToken(reason: "what was given is none") }
        return token
    }

    private struct NoToken: Error, CustomStringConvertible {
        let reason: String
        var description: String { "there is no token: \(reason)" }
    }
}
