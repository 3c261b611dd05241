import NIOCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

/// Who would get a push, counted and named.
@Suite struct ReachTests {
    @Test func theFirstHundredByName() {
        var reach = Reach()
        for number in (0..<250).shuffled() { reach.add(client("c-\(number + 100)")) }
        #expect(reach.matched == 250)
        #expect(reach.clients == (100..<200).map { client("c-\($0)") })
    }

    @Test func nodesArePutTogether() throws {
        var one = Reach()
        one.add(client("b"))
        one.add(client("a"))
        var other = Reach()
        other.add(client("c"))
        // It moves from one node to the other.
        other.add(client("a"))
        one.add(try #require(Reach(other.body)))
        #expect(one.matched == 4)
        #expect(one.clients == [client("a"), client("b"), client("c")])
    }

    @Test(arguments: ["", "{}", #"{"matched":-1,"clients":[]}"#, #"{"matched":1}"#, #"{"matched":1e99,"clients":[]}"#])
    func whatNoNodeSays(body: String) {
        #expect(Reach(ByteBuffer(string: body)) == nil)
    }

    @Test(arguments: [
        ("", "", false), ("a=b", "a=b", false), ("dryRun=1", "", true), ("a=b&dryRun=1&c", "a=b&c", true),
        ("dry%52un=1", "", true), ("dryrun=1", "dryrun=1", false),
    ])
    func theOption(query: String, rest: String, isDryRun: Bool) throws {
        let split = try DryRun.split(query)
        #expect(split.rest == rest && split.isDryRun == isDryRun)
    }

    @Test(arguments: ["dryRun", "dryRun=", "dryRun=0", "dryRun=true", "dryRun=1&dryRun=1"])
    func optionsThatAreNone(query: String) {
        #expect(throws: Problem.self) { try DryRun.split(query) }
    }
}
