import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

@Suite struct HealthTests {
    @Test func readsTheTextsOfProc() {
        #expect(ProcText.load("0.20 0.18 0.12 1/80 11206\n") == [0.2, 0.18, 0.12])
        #expect(ProcText.load("nonsense") == nil)
        #expect(ProcText.uptime("350735.47 234388.90\n") == 350_735.47)
        #expect(ProcText.uptime("") == nil)
        let memory = ProcText.memory(
            "MemTotal:       16303428 kB\nMemAvailable:    1024 kB\nHugePages_Total:       0\n")
        #expect(memory == ["MemTotal": 16_303_428 * 1024, "MemAvailable": 1024 * 1024])
    }

    @Test func computesTheProcessorUse() {
        let first = ProcText.processorTicks("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3 4 5\n")
        #expect(first == ProcessorTicks(total: 1000, idle: 800))
        #expect(first?.use(since: nil) == 0.2)
        let second = ProcText.processorTicks("cpu  175 0 100 700 125 0 0 0 0 0\n")
        #expect(second?.use(since: first) == 0.75)
        #expect(second?.use(since: second) == nil)
        #expect(ProcText.processorTicks("intr 1 2 3") == nil)
    }

    @Test func encodesWhatIsKnown() {
        var health = MachineHealth()
        #expect(String(buffer: health.encoded()) == "{}")
        health.load = [0.5, 1, 2]
        health.processorUse = 0.123456
        health.memoryTotal = 2000
        health.memoryAvailable = 1000
        health.uptime = 12.6
        #expect(
            String(buffer: health.encoded())
                == #"{"load":[0.5,1.0,2.0],"cpu":0.123,"memory":{"total":2000,"available":1000},"uptime":13}"#)
    }

    @Test func saysWhatTheAgentAdds() {
        var health = MachineHealth()
        health.processorUse = 0.5
        let fields = [
            HealthField("door", "open"), HealthField("till", "{\"coins\": 3}"), HealthField("n", "1e2"),
            HealthField("text", "\"1\""), HealthField("quote", text: "\""), HealthField("broken", "{"),
        ]
        #expect(
            String(buffer: health.encoded(with: fields))
                == #"{"cpu":0.5,"door":"open","till":{"coins": 3},"n":1e2,"text":"1","quote":"\"","broken":"{"}"#)
    }

    @Test func readsThisMachine() throws {
        let health = MachineHealth.current()
        #expect(health.load?.count == 3)
        let (memory, available) = (try #require(health.memoryTotal), try #require(health.memoryAvailable))
        #expect(memory >= available && available > 0)
        let (disk, free) = (try #require(health.diskTotal), try #require(health.diskFree))
        #expect(disk >= free && disk > 0)
        let (uptime, use) = (try #require(health.uptime), try #require(health.processorUse))
        #expect(uptime > 0 && (0...1).contains(use))
        let encoded = health.encoded()
        #expect(encoded.readableBytes <= ClientFrame.maximumHealthBytes)
        #expect(throws: Never.self) { try JSONDocument(encoded) }
    }
}
