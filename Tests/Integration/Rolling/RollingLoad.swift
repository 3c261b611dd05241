import Foundation
import Synchronization

/// Steady pushes to single clients through nginx, each with an id of its own, and what was answered.
final class RollingLoad: Sendable {
    struct Push: Sendable {
        let id: String
        let client: Int
        let isDurable: Bool
        let sentAt: ContinuousClock.Instant
        var answeredAt: ContinuousClock.Instant
        /// 0 when there was no whole answer.
        var status: Int
        var answer: PushAnswer?
        var text: String
    }

    private let api: API
    private let clients: [String]
    /// Pushes a second of each kind.
    private let rate: Int
    private let done = Mutex<[Push]>([])

    init(api: API, clients: [String], rate: Int) {
        self.api = api
        self.clients = clients
        self.rate = rate
    }

    var pushes: [Push] { done.withLock { $0 } }

    /// Until it is cancelled and everything that was sent has been answered.
    func run() async {
        let clock = ContinuousClock()
        let start = clock.now
        await withDiscardingTaskGroup { group in
            var sent = 0
            while !Task.isCancelled {
                let due = Int((clock.now - start) / .seconds(1) * Double(rate))
                while sent < due {
                    let number = sent
                    // What was sent is to be answered, also when the load ends meanwhile.
                    group.addTask { await Task { await self.push(number, isDurable: true) }.value }
                    group.addTask { await Task { await self.push(number, isDurable: false) }.value }
                    sent += 1
                }
                try? await clock.sleep(for: .milliseconds(20))
            }
        }
    }

    private func push(_ number: Int, isDurable: Bool) async {
        let client = Int.random(in: clients.indices)
        let id = "\(isDurable ? "d" : "t")\(number)"
        let json = #"{"to":{"client":"\#(clients[client])"},"data":\#(number),"durable":\#(isDurable),"id":"\#(id)"}"#
        var push = Push(
            id: id, client: client, isDurable: isDurable, sentAt: .now, answeredAt: .now, status: 0, answer: nil,
            text: "")
        do {
            let answer = try await api.push(json)
            push.status = answer.status
            push.answer = try? answer.decode()
            push.text = answer.text
        } catch { push.text = "\(error)" }
        push.answeredAt = .now
        done.withLock { $0.append(push) }
    }
}
