import Testing

@testable import SwitchboardServer

@Suite struct DescriptorCheckTests {
    @Test(arguments: [
        (50_000, 65_536, Finding.State.ok), (50_000, 50_256, .ok), (50_000, 50_255, .problem), (50_000, 1024, .problem),
        (100, 200, .problem), (0, 65_536, .problem), (50_000, Int.max, .ok), (0, Int.max, .problem),
    ])
    func limits(connections: Int, limit: Int, state: Finding.State) {
        let finding = DescriptorCheck(maximumConnections: connections).finding(limit: limit)
        #expect(finding.state == state)
        #expect((finding.advice == nil) == (state == .ok))
    }

    @Test func theAdviceIsEnough() throws {
        let check = DescriptorCheck(maximumConnections: 50_000)
        #expect(check.finding(limit: 1024).advice?.contains("to 50256 ") == true)
        #expect(check.finding(limit: 1024).advice?.hasSuffix("at most 768") == true)
        #expect(DescriptorCheck(maximumConnections: 768).finding(limit: 1024).state == .ok)
    }

    @Test(
        arguments: [
            ("Max open files            1024                 1048576              files     \n", 1024),
            ("Max cpu time  unlimited unlimited seconds\nMax open files  unlimited  unlimited  files\n", Int.max),
            ("Max open files\n", nil), ("", nil), ("Max open files many\n", nil),
        ] as [(String, Int?)])
    func softLimit(text: String, limit: Int?) {
        #expect(DescriptorCheck.softLimit(in: text) == limit)
    }

    @Test func thisProcessHasALimit() {
        #expect(DescriptorCheck(maximumConnections: 1).finding.state != .unknown)
    }
}
