import NIOCore
import NIOHTTP1
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct ConnectingDeskTests {
    private let problem = Problem.connectionRefused(403, "no", retryAfter: nil)

    private func question(_ name: String, _ more: String = "", from address: String = "192.0.2.1") throws
        -> ConnectingDesk.Question
    {
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/ws?clientId=\(name)\(more)")
        let request = try ConnectRequest(
            head, remote: SocketAddress(ipAddress: address, port: .random(in: 1...60_000)),
            configuration: ServerConfiguration(node: NodeID(unchecked: "n1")))
        return ConnectingDesk.Question(request, as: client(name))
    }

    /// Clients that wait, when they do.
    private func waiting(
        _ count: Int, _ question: ConnectingDesk.Question, at desk: ConnectingDesk
    ) async -> [Task<ConnectingDesk.Turn, Never>] {
        let before = desk.waiting
        let tasks = (0..<count).map { _ in Task { await desk.enter(question) } }
        while desk.waiting < before + count { await Task.yield() }
        return tasks
    }

    @Test("A client is asked about once at a time, and a refusal answers everybody who asks the same") func one()
        async throws
    {
        let desk = ConnectingDesk(patience: 600)
        let (asked, another) = (try question("a"), try question("a", "&label.x=1"))
        #expect(await desk.enter(asked) == .ask)
        let same = await waiting(2, asked, at: desk)
        let other = await waiting(1, another, at: desk)
        desk.leave(asked, refused: problem)
        for task in same { #expect(await task.value == .refused(problem)) }
        for task in other { #expect(await task.value == .ask) }
        #expect(await desk.enter(asked) == .refused(problem))
        desk.leave(another, refused: nil)
        #expect(await desk.enter(another) == .ask, "only refusals are remembered")
    }

    @Test("One client takes no more than its share of the places to wait, and only at its own address") func flood()
        async throws
    {
        let desk = ConnectingDesk(patience: 600)
        let asked = try question("a")
        #expect(await desk.enter(asked) == .ask)
        let others = await waiting(ConnectingDesk.maximumOfOne, asked, at: desk)
        #expect(await desk.enter(asked) == .full)
        #expect(await desk.enter(try question("b")) == .ask)
        #expect(await desk.enter(try question("a", from: "192.0.2.2")) == .ask)
        desk.leave(asked, refused: nil)
        // One after the other.
        #expect(desk.waiting == ConnectingDesk.maximumOfOne - 1)
        desk.leave(asked, refused: problem)
        #expect(desk.waiting == 0)
        var turns: [ConnectingDesk.Turn] = []
        for task in others { turns.append(await task.value) }
        #expect(turns.filter { $0 == .ask }.count == 1)
        #expect(turns.filter { $0 == .refused(problem) }.count == ConnectingDesk.maximumOfOne - 1)
    }

    @Test("Who finds no place waits for one, but not for ever") func places() async throws {
        let hasty = ConnectingDesk(patience: 0.01)
        let patient = ConnectingDesk(patience: 600)
        let questions = try (0..<ConnectingDesk.places).map { try question("c\($0)") }
        for question in questions {
            #expect(await hasty.enter(question) == .ask)
            #expect(await patient.enter(question) == .ask)
        }
        #expect(await hasty.enter(try question("late")) == .full)
        #expect(hasty.waiting == 0)
        let late = await waiting(1, try question("late"), at: patient)
        patient.leave(questions[0], refused: problem)
        for task in late { #expect(await task.value == .ask) }
    }

    @Test("A refusal is forgotten after a moment, and the oldest when there are too many") func memory() async throws {
        let clock = Box<UInt64>()
        let desk = ConnectingDesk(memory: 3) { clock.list.last ?? 0 }
        func refuse(_ name: String) async throws {
            let question = try question(name)
            #expect(await desk.enter(question) == .ask)
            desk.leave(question, refused: problem)
        }
        try await refuse("a")
        clock.add(2_900_000_000)
        #expect(await desk.enter(try question("a")) == .refused(problem))
        clock.add(3_000_000_000)
        try await refuse("a")
        for number in 1..<ConnectingDesk.maximumRemembered { try await refuse("c\(number)") }
        #expect(await desk.enter(try question("a")) == .refused(problem))
        try await refuse("another")
        #expect(await desk.enter(try question("a")) == .ask)
    }
}
