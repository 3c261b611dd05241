import NIOCore
import Synchronization

/// The steady load of one run: for each client one push after the other, some commands beside them, and pushes to the channels.
struct ChaosLoad: Sendable {
    let backend: ChaosBackend
    let clients: [String]
    /// Channels with a history.
    let channels: [String]
    let journal: ChaosJournal

    /// Seconds between two pushes to a client, between two commands to it, and between two pushes to a channel.
    var pushPause = 1.5
    var commandPause = 5.0
    var channelPause = 1.2

    /// Until it is cancelled and everything that was begun has been answered.
    func run() async {
        await withTaskGroup { group in
            for client in clients {
                group.addTask { await pushes(to: .client(client), client, every: pushPause) }
                group.addTask { await commands(to: client) }
            }
            for channel in channels {
                group.addTask { await pushes(to: .channel(channel), "\(clients[0])-\(channel)", every: channelPause) }
            }
        }
    }

    /// Once to each client and channel, all at the same time and without a second try.
    func once() async {
        let style = ChaosBackend.Style(isPatient: false, wait: 15)
        await withTaskGroup { group in
            for client in clients {
                group.addTask {
                    await push(to: .client(client), client, number: 1_000_000, style)
                    await backend.command(
                        "\(client)-last", to: client, named: "add", timeout: 5, connectTimeout: 0, style: style)
                }
            }
            for channel in channels {
                group.addTask {
                    await push(to: .channel(channel), "\(clients[0])-\(channel)", number: 1_000_000, style)
                }
            }
        }
    }

    // MARK: One after the other

    private func pushes(to target: ChaosTarget, _ name: String, every pause: Double) async {
        var number = 0
        while await waited(about: pause) {
            number += 1
            let dice = Int.random(in: 0..<100)
            let style = ChaosBackend.Style(isPatient: dice >= 8, asksAgain: dice >= 96, wait: dice % 4 == 0 ? 2 : nil)
            await push(to: target, name, number: number, style)
        }
    }

    private func push(to target: ChaosTarget, _ name: String, number: Int, _ style: ChaosBackend.Style) async {
        let id = "\(name)-p\(number)".replacing(":", with: "-")
        // A task of its own: what was begun is to be answered, also when the load ends meanwhile.
        await Task {
            await backend.push(id, to: target, payload: #"{"for":"\#(name)","number":\#(number)}"#, style: style)
        }.value
    }

    private func commands(to client: String) async {
        var number = 0
        while await waited(about: commandPause) {
            number += 1
            let id = "\(client)-c\(number)"
            let dice = Int.random(in: 0..<100)
            let style = ChaosBackend.Style(isPatient: dice >= 20, asksAgain: dice >= 90)
            let name = dice % 10 == 0 ? "fail" : dice % 10 < 4 ? "slow" : "add"
            await Task {
                await backend.command(
                    id, to: client, named: name, timeout: 4, connectTimeout: dice % 3 == 0 ? 3 : 0, style: style)
            }.value
        }
    }

    /// - Returns: false when the load shall end.
    private func waited(about pause: Double) async -> Bool {
        do { try await Task.sleep(for: .seconds(Double.random(in: 0.5...1.5) * pause)) } catch { return false }
        return true
    }
}
