import Foundation
import NIOCore
import Testing

/// Terminals on agents' machines, through real nodes, Redis and the real agent.
@Suite("Remote terminals", .cluster(isHeavy: true), .logsOnFailure, .serialized, .timeLimit(.minutes(2)))
struct TerminalTests {
    /// A real agent, on one node or behind nginx, that lets operators in.
    private func agent(
        _ name: String, on node: NodeServer? = nil, _ options: [String] = ["--allow-terminal"]
    ) async throws -> ChildProcess {
        let cluster = try Cluster.shared()
        let program = options.isEmpty ? [] : ["--terminal-command", "/bin/sh", "--terminal-command", "/bin/cat"]
        let agent = try await cluster.run(
            name, Programs.switchboard(),
            [
                "agent", "--url", "ws://127.0.0.1:\(node?.port ?? cluster.entrance)", "--id", name,
                "--health-interval", "0",
            ] + options + program)
        try await eventually("\(name) is online", within: .seconds(20)) {
            try await cluster.nodes[1].api.client(name).state == "online"
        }
        return agent
    }

    @Test("Keys are echoed within 50 ms through two nodes, 99 of 100")
    func echo() async throws {
        let nodes = try Cluster.shared().nodes
        let agent = try await agent("echo", on: nodes[0])
        let viewer = try await Operator.connect(to: nodes[1])
        let here = try await viewer.attach("echo", "main", command: "/bin/cat")
        #expect(here.isNew == true && here.columns == 80 && here.viewers == 1)
        try await viewer.type("first\r")
        try await viewer.sees("first\r\nfirst")
        let clock = ContinuousClock()
        var times: [Duration] = []
        for index in 0..<300 {
            let mark = "k\(index)."
            let start = clock.now
            try await viewer.type(mark)
            try await viewer.sees(mark)
            times.append(clock.now - start)
            // A person's pace; a line has its limits, too.
            if index % 50 == 49 { try await viewer.type("\r") }
        }
        times.sort()
        print("keystroke echo: median \(times[150]), p99 \(times[296])")
        #expect(times[296] < .milliseconds(50))
        try await viewer.send("end")
        #expect(try await viewer.next("ended").reason != nil)
        await viewer.socket.drop()
        await agent.stop()
    }

    @Test("A terminal has the size of who looks; a program ends with its status; what is not allowed is refused")
    func shell() async throws {
        let nodes = try Cluster.shared().nodes
        let agent = try await agent("shell", on: nodes[0])
        let viewer = try await Operator.connect(to: nodes[2])
        try await viewer.attach("shell", "main")
        try await viewer.type("stty size\r")
        try await viewer.sees("24 80")
        try await viewer.send("resize", #""columns":120,"rows":40"#)
        try await viewer.type("stty size\r")
        try await viewer.sees("40 120")
        try await viewer.type("exit 7\r")
        let ended = try await viewer.next("ended")
        #expect(ended.status == 7 && ended.reason == "exited")

        let wrong = try await Operator.connect(to: nodes[1])
        try await wrong.ask("shell", "other", command: "/bin/ls")
        #expect(try await wrong.next("refused").code == "command_not_allowed")
        try await wrong.ask("shell", "other", mode: "readOnly")
        #expect(try await wrong.next("refused").code == "no_such_terminal")
        try await wrong.send("input", #""offset":0,"base64":"IQ==""#)
        for viewer in [viewer, wrong] { await viewer.socket.drop() }
        await agent.stop()
    }

    @Test("Two share a terminal through different nodes; one who only looks types nothing, and sees what there was")
    func shared() async throws {
        let nodes = try Cluster.shared().nodes
        let agent = try await agent("shared", on: nodes[0])
        let first = try await Operator.connect(to: nodes[0])
        try await first.attach("shared", "main")
        try await first.type("echo one-$((1+1))\r")
        try await first.sees("one-2")
        let second = try await Operator.connect(to: nodes[1])
        #expect(try await second.attach("shared", "main").isNew == false)
        try await second.sees("one-2")
        try await second.type("echo two-$((2+2))\r")
        try await first.sees("two-4")
        let third = try await Operator.connect(to: nodes[2])
        #expect(try await third.attach("shared", "main", mode: "readOnly").viewers == 3)
        try await third.sees("two-4")
        try await third.type("echo three-$((3+3))\r")
        #expect(try await third.next("refused").code == "read_only")
        try await first.type("echo four-$((4+4))\r")
        for viewer in [first, second, third] { try await viewer.sees("four-8") }
        #expect(!first.screen.contains("three-6"))
        try await second.send("detach")
        try await second.send("input", #""offset":0,"base64":"IQ==""#)
        #expect(try await second.next("error").code == "not_attached")
        for viewer in [first, second, third] { await viewer.socket.drop() }
        await agent.stop()
    }

    @Test("A viewer that loses its connection goes on at another node, with all output and without a key twice")
    func moves() async throws {
        let nodes = try Cluster.shared().nodes
        let agent = try await agent("moves", on: nodes[0])
        let first = try await Operator.connect(to: nodes[1])
        try await first.attach("moves", "main", command: "/bin/cat")
        try await first.type("abc")
        try await first.sees("abc")
        await first.socket.drop()
        let second = try await Operator.connect(to: nodes[2], viewer: first.viewer)
        // It says that it typed nothing: the agent knows better.
        #expect(try await second.attach("moves", "main").typed == 3)
        try await second.sees("abc")
        await second.socket.drop()
        await agent.stop()
    }

    @Test("Everything a program puts out arrives, in order, however much it is")
    func flood() async throws {
        let nodes = try Cluster.shared().nodes
        let agent = try await agent("flood", on: nodes[0])
        let viewer = try await Operator.connect(to: nodes[1])
        try await viewer.attach("flood", "main")
        try await viewer.type("seq 1 200000; echo do''ne\r")
        try await viewer.sees("done", within: .seconds(60))
        let numbers = viewer.screen.split(whereSeparator: \.isNewline).compactMap { Int($0) }
        #expect(numbers == Array(1...200_000))
        await viewer.socket.drop()
        await agent.stop()
    }

    @Test("Who is not there, has no terminals, or may not, is told so")
    func refusals() async throws {
        try await Clients.with { clients, cluster in
            let agent = try await agent("closed", on: cluster.nodes[0], [])
            let viewer = try await Operator.connect(to: cluster.nodes[1])
            try await viewer.ask("nobody", "main")
            #expect(try await viewer.next("offline").viewer == viewer.viewer)
            try await viewer.ask("closed", "main")
            // A viewer stays with its client.
            #expect(try await viewer.next("error").code == "invalid_frame")
            let other = try await Operator.connect(to: cluster.nodes[1])
            try await other.ask("closed", "main")
            #expect(try await other.next("refused").code == "terminal_not_allowed")
            _ = try await clients.raw("rawling", on: cluster.nodes[0])
            let third = try await Operator.connect(to: cluster.nodes[1])
            try await third.ask("rawling", "main")
            #expect(try await third.next("refused").code == "terminal_unsupported")
            try await third.send("attach", #""client":"rawling","terminal":"a b","mode":"shared""#)
            #expect(try await third.next("error").code == "invalid_frame")
            try await third.send("dance")
            #expect(try await third.next("error").code == "invalid_frame")
            for operatorSocket in [viewer, other, third] { await operatorSocket.socket.drop() }
            await agent.stop()
        }
    }

    @Test("The program's own view: list, look, and how it ends")
    func command() async throws {
        let cluster = try Cluster.shared()
        let agent = try await agent("cli", on: cluster.nodes[0])
        let viewer = try await Operator.connect(to: cluster.nodes[1])
        try await viewer.attach("cli", "deploy")
        try await viewer.type("echo ready-$((5+5))\r")
        try await viewer.sees("ready-10")
        let url = ["--url", cluster.nodes[2].api.base]
        let listed = try await ChildProcess.run(
            Programs.switchboard(), ["terminal", "cli", "--list"] + url, in: cluster.directory)
        #expect(listed.contains("deploy") && listed.contains("80x24"))
        let cast = cluster.directory.appending(path: "deploy.cast")
        let looking = try await cluster.run(
            "looking", Programs.switchboard(),
            ["terminal", "cli", "--terminal", "deploy", "--read-only", "--record", cast.path] + url)
        try await eventually("it shows what there was") { looking.output.contains("ready-10") }
        try await viewer.type("exit 3\r")
        #expect(try await looking.ended(within: .seconds(10)) == 3)
        let lines = try String(contentsOf: cast, encoding: .utf8).split(separator: "\n")
        #expect(lines.first?.contains(#""version":2"#) == true)
        #expect(lines.contains { $0.contains(#""o""#) && $0.contains("ready-10") })
        await #expect(throws: Programs.Missing.self, "nobody of that name is connected") {
            try await ChildProcess.run(Programs.switchboard(), ["terminal", "nobody"] + url, in: cluster.directory)
        }
        await viewer.socket.drop()
        await agent.stop()
    }

    @Test("The agent's node is killed: the session is taken up again, nothing is lost, no key is typed twice")
    func killed() async throws {
        let cluster = try Cluster.shared()
        let agent = try await agent("survivor")
        let info = try await cluster.nodes[0].api.client("survivor")
        let victim = try #require(cluster.nodes.first { $0.id == info.node })
        let living = try #require(cluster.nodes.first { $0.id != info.node })
        let url = living.api.base
        let viewer = try await Operator.connect(to: living)
        try await viewer.attach("survivor", "main")
        try await viewer.type("n=0; while sleep 0.2; do n=$((n+1)); echo line-$n.; done\r")
        try await viewer.sees("line-3.")
        let looking = try await cluster.run(
            "survivor-looking", Programs.switchboard(), ["terminal", "survivor", "--read-only", "--url", url])
        try await eventually("it is looked at") { looking.output.contains("line-3.") }
        let clock = ContinuousClock()
        let start = clock.now
        try await victim.kill()
        try await eventually("the agent is back", within: .seconds(20)) {
            let info = try await living.api.client("survivor")
            return info.state == "online" && info.node != victim.id
        }
        let back = clock.now - start
        // What a viewer does every second until it is answered.
        try await viewer.ask("survivor", "main")
        try await viewer.next("here")
        try await viewer.sees("line-40.", within: .seconds(20))
        #expect(viewer.screen.contains("line-39.\r\nline-40."))
        try await eventually("the program shows all of it", within: .seconds(20)) {
            let lines = looking.output.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("line-") }
            return lines.count >= 40 && lines.prefix(40).elementsEqual((1...40).map { "line-\($0)." })
        }
        print("kill -9 of the agent's node: it was back after \(back), the screen after \(clock.now - start)")
        looking.signal(SIGTERM)
        #expect(try await looking.ended(within: .seconds(5)) == 0)
        await viewer.socket.drop()
        await agent.stop()
    }
}
