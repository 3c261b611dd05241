import SwitchboardCore
import Testing

@Suite struct HeartbeatTests {
    private enum Step: Sendable {
        case heard
        case due(Heartbeat.Action)
    }

    private struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let interval: UInt32
        let timeout: UInt32
        let steps: [Step]
    }

    private static let rows = [
        Row(
            testDescription: "an answered ping is followed by the rest of the interval", interval: 250, timeout: 100,
            steps: [
                .due(.ping(next: 100)), .heard, .due(.wait(next: 150)), .due(.ping(next: 100)), .heard,
                .due(.wait(next: 150)), .due(.ping(next: 100)),
            ]),
        Row(
            testDescription: "silence after a ping is death", interval: 250, timeout: 100,
            steps: [.due(.ping(next: 100)), .due(.dead)]),
        Row(
            testDescription: "life before the ping does not answer it", interval: 250, timeout: 100,
            steps: [.heard, .due(.ping(next: 100)), .due(.dead)]),
        Row(
            testDescription: "life while waiting does not answer the next ping", interval: 250, timeout: 100,
            steps: [
                .due(.ping(next: 100)), .heard, .due(.wait(next: 150)), .heard, .due(.ping(next: 100)), .due(.dead),
            ]),
        Row(
            testDescription: "a timeout as long as the interval leaves nothing to wait", interval: 100, timeout: 100,
            steps: [.due(.ping(next: 100)), .heard, .due(.ping(next: 100)), .due(.dead)]),
        Row(
            testDescription: "a timeout longer than the interval", interval: 50, timeout: 100,
            steps: [
                .due(.ping(next: 100)), .heard, .due(.ping(next: 100)), .heard, .due(.ping(next: 100)), .due(.dead),
            ]),
        Row(
            testDescription: "nothing is shorter than a tick", interval: 0, timeout: 0,
            steps: [.due(.ping(next: 1)), .heard, .due(.ping(next: 1)), .due(.dead)]),
    ]

    @Test(arguments: rows)
    private func follows(row: Row) {
        var heartbeat = Heartbeat(interval: row.interval, timeout: row.timeout)
        for step in row.steps {
            switch step {
            case .heard: heartbeat.heard()
            case .due(let action): #expect(heartbeat.due() == action)
            }
        }
    }
}
