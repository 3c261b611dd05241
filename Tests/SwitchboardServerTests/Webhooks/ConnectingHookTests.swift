import Logging
import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct ConnectingHookTests {
    private func hook(
        _ answer: WebhookAnswer, standard: WebhookConfiguration.ConnectingDefault = .allow, maximumGroups: Int = 100
    ) -> ConnectingHook {
        ConnectingHook(
            url: "http://backend", timeout: 1, standard: standard, maximumGroups: maximumGroups,
            writer: CloudEventWriter(source: "s"), node: NodeID(unchecked: "n1"), post: { _ in answer },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func body(_ text: String) -> WebhookAnswer { .status(200, body: ByteBuffer(string: text)) }

    @Test("What it gives is added to what the client asked for, and the first frame changes no label") func grants()
        async throws
    {
        let test = TestNode()
        let request = try test.request("/ws?clientId=c&group=a&label.x=1&label.y=1", isFramed: true)
        let hook = hook(body(#"{"groups":["a","b"],"labels":{"x":"2"}}"#))
        let admitted = try await hook.admit(request)
        #expect(admitted.groups == [group("a"), group("b")])
        #expect(admitted.labels == ["x": "2", "y": "1"])
        let later = admitted.adding(.hello(.init(labels: ["x": "3", "y": "2", "z": "1"])))
        #expect(later.labels == ["x": "2", "y": "1"])
        #expect(later.grant != nil)
    }

    @Test("A client without an id is asked about by the id that it gets") func anonymous() async throws {
        let admitted = try await hook(.status(204, body: ByteBuffer())).admit(try TestNode().request("/ws"))
        #expect(admitted.client?.rawValue.hasPrefix("anon-") == true)
        #expect(admitted.grant == ConnectRequest.Grant())
    }

    @Test("Without an answer the default counts, also for more groups than there may be") func defaults() async throws {
        let request = try TestNode().request("/ws?clientId=c&group=a")
        for answer in [.nothing("x"), .status(500), body("{"), body(#"{"groups":["b","c"]}"#)] as [WebhookAnswer] {
            let admitted = try await hook(answer, maximumGroups: 2).admit(request)
            #expect(admitted.groups == [group("a")])
            let problem = await #expect(throws: Problem.self) {
                try await hook(answer, standard: .refuse, maximumGroups: 2).admit(request)
            }
            #expect(problem?.status == 503)
            #expect(problem?.retryAfter == 5)
        }
    }
}
