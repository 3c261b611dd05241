import NIOCore
import SwitchboardProtocol
import Testing

@Suite struct IdentifierTests {
    @Test func theAlphabetIsClosed() {
        let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:@-".unicodeScalars)
        for number in UInt32(0)...0x2FF {
            guard let scalar = Unicode.Scalar(number) else { continue }
            #expect(
                (ClientID(rawValue: "x" + String(Character(scalar))) != nil) == allowed.contains(scalar), "\(number)")
        }
    }

    @Test func theLengthIsBounded() {
        #expect(GroupName(rawValue: "") == nil)
        #expect(GroupName(rawValue: String(repeating: "x", count: 128)) != nil)
        #expect(GroupName(rawValue: String(repeating: "x", count: 129)) == nil)
        #expect(GroupName.maximumLength == 128)
    }

    @Test(arguments: ["a b", "a/b", "a\n", "\u{301}", "é", "a\0", "😀", "{a}", "*", ".", ".."])
    func othersAreRefused(name: String) {
        #expect(NodeID(rawValue: name) == nil)
        #expect(PushID(rawValue: name) == nil)
    }

    @Test(arguments: ["...", ".a", "a.", "-", "@", ":"])
    func dotsAmongOthersMeanNothing(name: String) { #expect(ClientID(rawValue: name) != nil) }

    @Test func sessionIDsAreIdentifiersAndDiffer() {
        let ids = (0..<1000).map { _ in SessionID.random() }
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { $0.rawValue.count == 13 && SessionID(rawValue: $0.rawValue) != nil })
    }

    @Test func ulidsRiseWithinAMillisecondAndOverTime() {
        var generator = ULIDGenerator()
        var ids: [String] = []
        for millisecond in UInt64(1_700_000_000_000)..<1_700_000_000_010 {
            for _ in 0..<1000 { ids.append(generator.next(milliseconds: millisecond)) }
        }
        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
        #expect(ids.allSatisfy { $0.utf8.count == 26 && PushID(rawValue: $0) != nil })
    }

    @Test func ulidsRiseWhenTheClockStepsBack() {
        var generator = ULIDGenerator()
        let first = generator.next(milliseconds: 2000)
        let second = generator.next(milliseconds: 1000)
        #expect(first < second)
        #expect(first.prefix(10) == second.prefix(10))
    }

    @Test func aULIDBeginsWithItsTime() {
        var generator = ULIDGenerator()
        // 1469918176385 ms is the specification's example: 01ARYZ6S41.
        #expect(generator.next(milliseconds: 1_469_918_176_385).hasPrefix("01ARYZ6S41"))
    }
}
