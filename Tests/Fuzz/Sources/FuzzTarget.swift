import Foundation

/// Something that takes bytes from strangers, with what must hold of it whatever the bytes are.
struct FuzzTarget: Sendable {
    let name: String
    /// Returns when all holds, and ends the process when something does not.
    let check: @Sendable (UnsafeRawBufferPointer) -> Void

    static let all = [
        FuzzTarget(name: "resp", check: RESPTarget.check),
        FuzzTarget(name: "bus", check: BusTarget.check),
        FuzzTarget(name: "bus-messages", check: BusMessageTarget.check),
        FuzzTarget(name: "json", check: JSONTarget.check),
        FuzzTarget(name: "framed", check: FramedTarget.check),
        FuzzTarget(name: "http", check: HTTPTarget.check),
        FuzzTarget(name: "lines", check: LinesTarget.check),
        FuzzTarget(name: "messages", check: MessageTarget.check),
        FuzzTarget(name: "deflate", check: DeflateTarget.check),
        FuzzTarget(name: "extensions", check: ExtensionTarget.check),
        FuzzTarget(name: "tokens", check: TokenTarget.check),
        FuzzTarget(name: "access", check: AccessTarget.check),
    ]

    /// The one that `SWITCHBOARD_FUZZ_TARGET` names; libFuzzer's own processes, as for merging, inherit it.
    static let chosen = all.first { $0.name == ProcessInfo.processInfo.environment["SWITCHBOARD_FUZZ_TARGET"] }

    /// What libFuzzer calls for each input.
    static let run: @convention(c) @Sendable (UnsafePointer<UInt8>?, Int) -> CInt = { bytes, count in
        chosen?.check(UnsafeRawBufferPointer(start: bytes, count: count))
        return 0
    }
}
