import FoundationEssentials
import Logging
import NIOCore
import NIOPosix
import SwitchboardProtocol

// What the agent remembers: pushes that were handled, commands that were run, where histories stand.
extension Agent {
    static func unixSeconds() -> Int { Int(Date().timeIntervalSince1970) }

    /// The channels whose histories the agent resumes.
    static func followed(_ groups: [GroupName]) -> Set<String> {
        Set(groups.map { "group:" + $0.rawValue } + ["all"])
    }

    /// Reads the state file, if there is one.
    func openState() async throws {
        guard let path = configuration.stateFile else { return }
        let (client, channels) = (configuration.client, followed)
        (stateFile, memory) = try await NIOThreadPool.singleton.runIfActive {
            try StateFile.open(path: path, client: client, channels: channels, now: Self.unixSeconds())
        }
    }

    func closeState() {
        stateFile?.close()
        stateFile = nil
    }

    /// Remembers something, in the state file as well.
    ///
    /// - Returns: Whether it is safe there; if not, the agent ends and must not act as if it were.
    func note(_ record: StateRecord) -> Bool {
        guard !hasStateFailed else { return false }
        memory.apply(record)
        do throws(AgentError) {
            try stateFile?.append(record, memory: memory)
            return true
        } catch {
            hasStateFailed = true
            perform(state.fail(error, .now()))
            return false
        }
    }

    // MARK: histories

    /// Says hello, and where the histories that the agent follows stand.
    func greet() {
        let resume = followed.map { ($0, seen[$0] ?? memory.offsets[$0] ?? "") }
        write(.hello(ClientFrame.Hello(resume: Dictionary(uniqueKeysWithValues: resume), slow: configuration.slow)))
    }

    /// The node's answer to that, or what it says later when it was cut off itself. What was missed of a recovered channel follows,
    /// so its offset moves with the pushes.
    func resumed(_ channels: [String: ServerFrame.Hello.Channel]) {
        for (name, channel) in channels.sorted(by: { $0.key < $1.key }) where followed.contains(name) {
            if !channel.recovered { events.continuation.yield(.missed(channel: name)) }
            guard !channel.recovered || (seen[name] ?? memory.offsets[name]) == nil else { continue }
            // Without another one the old offset is the better one: to have none would mean to have missed nothing.
            guard !channel.offset.isEmpty else { continue }
            seen[name] = channel.offset
            _ = note(.place(.init(channel: name, offset: channel.offset)))
        }
    }

    /// The session has left a group: where its history stands is of no use any more.
    func forget(_ group: GroupName) {
        let channel = "group:" + group.rawValue
        followed.remove(channel)
        seen[channel] = nil
        if memory.offsets[channel] != nil { _ = note(.place(.init(channel: channel, offset: ""))) }
    }
}
