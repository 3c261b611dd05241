import Foundation
import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardAgent

/// What survives a restart.
@Suite(.timeLimit(.minutes(1))) struct StateFileTests {
    static let client = ClientID(unchecked: "kiosk-7")

    /// One of each kind, and payloads that need care in a file of lines.
    static let records: [StateRecord] = [
        .push(id: "p1", at: 100, place: nil),
        .push(id: "p2", at: 101, place: .init(channel: "group:a", offset: "E:1-0")),
        .started(id: "c1", at: 102),
        .started(id: "c2", at: 102),
        .result(id: "c1", at: 103, CommandResult(status: 200, payload: .json("{\"a\":\n [1]}"))),
        .place(.init(channel: "all", offset: "E:0-0")),
        .acknowledged(id: "c1"),
        .result(
            id: "c3", at: 104,
            CommandResult(status: 500, payload: Payload(format: .binary, bytes: ByteBuffer(bytes: [0, 10, 255])))),
        .place(.init(channel: "all", offset: "")),
        .result(
            id: "c4", at: 104,
            CommandResult(status: 200, payload: Payload(format: .text, bytes: ByteBuffer(string: "a\nb")))),
        .result(id: "c5", at: 105, CommandResult(status: 204)),
        .sealed(id: "c6", at: 105, SealBook.Seal(content: "x", expires: 700)),
        .sealFloor(99),
        .push(id: "p3\"\\é", at: 106, place: .init(channel: "group:a", offset: "E:2-0")),
    ]

    static func text(_ records: [StateRecord]) -> ByteBuffer {
        var text = StateText.head(client: client)
        for record in records { record.write(into: &text) }
        return text
    }

    static func memory(_ records: some Sequence<StateRecord>) -> AgentMemory {
        var memory = AgentMemory()
        for record in records { memory.apply(record) }
        return memory
    }

    /// What is in a memory, as the text that it would be written as.
    static func snapshot(_ memory: AgentMemory) -> String { String(buffer: StateText.text(of: memory, client: client)) }

    @Test func everyRecordIsOneLineAndComesBack() throws {
        let memory = try StateText.memory(Self.text(Self.records), client: Self.client)
        #expect(Self.text(Self.records).readableBytesView.count { $0 == UInt8(ascii: "\n") } == Self.records.count + 1)
        #expect(Self.snapshot(memory) == Self.snapshot(Self.memory(Self.records)))
        #expect(memory.pushes.entries.map(\.id) == ["p1", "p2", "p3\"\\é"])
        #expect(memory.offsets == ["group:a": "E:2-0"])
        #expect(memory.commands.result(of: "c1")?.payload == .json("{\"a\":  [1]}"))
        #expect(memory.commands.result(of: "c2") == nil)
        #expect(memory.commands.result(of: "c3")?.payload?.bytes == ByteBuffer(bytes: [0, 10, 255]))
        #expect(memory.commands.result(of: "c4")?.payload == .json(#""a\nb""#))
        #expect(memory.commands.result(of: "c5") == CommandResult(status: 204))
        #expect(!memory.commands.isAwaited("c1") && memory.commands.isAwaited("c3"))
        // A snapshot is as good as the log.
        let again = try StateText.memory(StateText.text(of: memory, client: Self.client), client: Self.client)
        #expect(Self.snapshot(again) == Self.snapshot(memory))
    }

    @Test func everyBeginningOfTheFileIsTheMemoryOfItsWholeLines() throws {
        let text = Self.text(Self.records)
        for length in 0...text.readableBytes {
            let cut = try #require(text.getSlice(at: 0, length: length))
            let lines = cut.readableBytesView.count { $0 == UInt8(ascii: "\n") }
            let expected = Self.memory(Self.records.prefix(max(lines - 1, 0)))
            let memory = try StateText.memory(cut, client: Self.client)
            #expect(Self.snapshot(memory) == Self.snapshot(expected), "cut at byte \(length)")
        }
    }

    @Test func aFileCutAnywhereIsOpenedAndWrittenOn() async throws {
        try await ToolTests.withFolder { folder in
            let file = folder.appending(path: "state")
            let bytes = Array(Self.text(Self.records).readableBytesView)
            for length in stride(from: 0, through: bytes.count, by: 11) {
                try Data(bytes[..<length]).write(to: file)
                var (state, memory) = try StateFile.open(
                    path: file.path, client: Self.client, channels: ["group:a"], now: 200)
                let record = StateRecord.push(id: "new", at: 200, place: nil)
                memory.apply(record)
                try state.append(record, memory: memory)
                state.close()
                let again = try StateFile.open(path: file.path, client: Self.client, channels: ["group:a"], now: 201)
                again.file.close()
                #expect(Self.snapshot(again.memory) == Self.snapshot(memory), "cut at byte \(length)")
                #expect(again.memory.pushes.contains("new"))
                let started = Self.records.prefix(max(bytes[..<length].count { $0 == 10 } - 1, 0)).contains {
                    if case .started("c2", _) = $0 { true } else { false }
                }
                // What ran when the process ended is not run again: it has a result.
                #expect(again.memory.commands.result(of: "c2") == (started ? .interrupted : nil))
            }
        }
    }

    @Test func aLineThatCannotBeReadIsPassedOver() throws {
        var text = Self.text(Array(Self.records.prefix(1)))
        text.writeBytes([0, 0, 0, 0xFF, 0x0A])
        text.writeString("{\"something\":\"else\"}\n[1]\n")
        Self.records[1].write(into: &text)
        let memory = try StateText.memory(text, client: Self.client)
        #expect(memory.pushes.entries.map(\.id) == ["p1", "p2"])
    }

    static func head(version: Int, client: String) -> String {
        #"{"file":"switchboard agent state","version":\#(version),"client":"\#(client)"}"# + "\n"
    }

    @Test(arguments: [
        ("hello", "it is no state file"), ("{\"a\":1}\n", "it is no state file"), ("\n", "it is no state file"),
        (head(version: 2, client: "kiosk-7"), "it was written by a newer version"),
        (head(version: 1, client: "till-1"), "it belongs to 'till-1'"),
        (head(version: 1, client: ""), "it belongs to an agent without a name"),
    ])
    func refusesOtherFilesAndLeavesThemAlone(text: String, reason: String) async throws {
        try await ToolTests.withFolder { folder in
            let file = folder.appending(path: "state")
            try Data(text.utf8).write(to: file)
            #expect(throws: AgentError.stateFile("\(file.path) cannot be used: \(reason)")) {
                try StateFile.open(path: file.path, client: Self.client, channels: [], now: 0)
            }
            #expect(try String(contentsOf: file, encoding: .utf8) == text)
        }
    }

    @Test func isLockedAlsoAfterItWasWrittenAnew() async throws {
        try await ToolTests.withFolder { folder in
            let path = folder.appending(path: "state").path
            var (state, memory) = try StateFile.open(path: path, client: Self.client, channels: [], now: 0)
            for number in 0..<2 {
                #expect(throws: AgentError.stateFile("\(path) is in use by another agent")) {
                    try StateFile.open(path: path, client: Self.client, channels: [], now: 0)
                }
                if number == 0 { try Self.fill(&state, &memory, count: 8000) }
            }
            state.close()
            try StateFile.open(path: path, client: Self.client, channels: [], now: 0).file.close()
        }
    }

    static func fill(_ state: inout StateFile, _ memory: inout AgentMemory, count: Int, at: Int = 0) throws {
        for number in 0..<count {
            let record = StateRecord.push(id: "a-push-with-a-name-\(number)", at: number + at, place: nil)
            memory.apply(record)
            try state.append(record, memory: memory)
        }
    }

    @Test func staysSmall() async throws {
        try await ToolTests.withFolder { folder in
            let path = folder.appending(path: "state").path
            var (state, memory) = try StateFile.open(path: path, client: Self.client, channels: [], now: 0)
            var largest: UInt64 = 0
            for _ in 0..<30 {
                try Self.fill(&state, &memory, count: 1000, at: Int(largest))
                let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? UInt64
                largest = max(largest, try #require(size))
            }
            state.close()
            #expect(largest > 100_000 && largest < 400_000)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["state"])
        }
    }

    /// Without the folder on the disk a power cut brings the old file back, and with it what was run.
    @Test func theFolderIsPutOnTheDiskOnceItNamesTheNewFile() async throws {
        try await ToolTests.withFolder { folder in
            let path = folder.appending(path: "state").path
            let synced = Inbox<[Bool]>()
            let (state, _) = try StateFile.open(path: path, client: Self.client, channels: [], now: 0) { file in
                var status = stat()
                guard fstat(file, &status) == 0 else { return -1 }
                let isReplaced = !FileManager.default.fileExists(atPath: path + ".new")
                synced.put([status.st_mode & S_IFMT == S_IFDIR, isReplaced])
                return 0
            }
            state.close()
            #expect(try await synced.next() == [false, false])
            #expect(try await synced.next() == [true, true])
        }
    }

    @Test func aFolderThatCannotBePutOnTheDiskIsAnError() async throws {
        try await ToolTests.withFolder { folder in
            let path = folder.appending(path: "state").path
            let reason = String(cString: strerror(EIO))
            #expect(throws: AgentError.stateFile("\(folder.path) cannot be written: \(reason)")) {
                try StateFile.open(path: path, client: Self.client, channels: [], now: 0) { file in
                    var status = stat()
                    guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return 0 }
                    errno = EIO
                    return -1
                }
            }
        }
    }

    @Test func aPlaceThatCannotBeWrittenIsAClearError() async throws {
        let path = "/nowhere/to/be/found/state"
        #expect(throws: AgentError.stateFile("\(path) cannot be opened: No such file or directory")) {
            try StateFile.open(path: path, client: Self.client, channels: [], now: 0)
        }
        try await ToolTests.withFolder { folder in
            await #expect(throws: AgentError.stateFile("\(folder.path) cannot be opened: Is a directory")) {
                var configuration = AgentConfiguration(url: "ws://127.0.0.1:1", client: Self.client)
                configuration.stateFile = folder.path
                try await Agent(configuration: configuration).run()
            }
        }
    }
}
