import Testing

@testable import SwitchboardServer

@Suite struct ProcessorCountTests {
    @Test(arguments: [
        ("0", 1), ("7", 1), ("0-1", 2), ("0-3,8", 5), ("0,2,4-7", 6), ("\t0-3", 4), (" 0-63\n", 64), ("0-0", 1),
        ("", 0), (",", 0), ("x", 0), ("3-1", 0), ("-", 0),
    ])
    func countsAList(list: String, count: Int) {
        #expect(ProcessorCount.count(inList: list) == count)
    }

    @Test func thereIsOneAtLeast() {
        #expect(ProcessorCount.usable >= 1)
    }
}
