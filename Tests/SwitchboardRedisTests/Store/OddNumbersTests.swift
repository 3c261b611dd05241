import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@testable import SwitchboardRedis

/// Whoever may write to Redis puts numbers there that no node would: they are no reason to end the process.
@Suite struct OddNumbersTests {
    private static func bulk(_ text: String) -> RESPReply { .bulk(ByteBuffer(string: text)) }

    private static func registration(epoch: RESPReply) -> RESPReply { .array([.integer(0), epoch, .integer(1)]) }

    @Test(arguments: [RESPReply.integer(-5), .integer(.min), bulk("-5"), bulk("-9223372036854775808")])
    func anEpochBelowZeroIsNoRegistration(epoch: RESPReply) {
        guard case .failure(.unavailable) = Registration.parse(Self.registration(epoch: epoch)) else {
            Issue.record("it was taken")
            return
        }
    }

    @Test(arguments: [RESPReply.integer(7), bulk("7")])
    func anEpochIsARegistration(epoch: RESPReply) throws {
        guard case .registered(7, true) = try Registration.parse(Self.registration(epoch: epoch)).get() else {
            Issue.record("it was not taken")
            return
        }
    }

    @Test(arguments: [(-1, 0), (.min, 0), (.max, 0), (1 << 60, 0), (1, -1), (1, .min), (1, .max), (1, 1_000_000)])
    func aTimeThatNoClockShowsIsRefused(seconds: Int, microseconds: Int) {
        let time = RESPReply.array([.integer(seconds), .integer(microseconds)])
        #expect(throws: BusError.self) { try Leases(time: time, scores: .array([])) }
        #expect(!Leases.isAlive(score: .integer(.max), time: time))
    }

    @Test(arguments: [(0, 0, 0), (1_700_000_000, 999_999, 1_700_000_000_999)])
    func aTimeIsRead(seconds: Int, microseconds: Int, milliseconds: UInt64) throws {
        let time = RESPReply.array([.integer(seconds), .integer(microseconds)])
        #expect(try Leases(time: time, scores: .array([])).now == milliseconds)
    }

    /// The ends of leases, and the moments of a record.
    @Test(arguments: [Int.min, -1, 0, .max])
    func noMomentOfARecordEndsTheProcess(number: Int) throws {
        let scores = RESPReply.array([Self.bulk("n1"), .integer(number)])
        let leases = try Leases(time: .array([.integer(1), .integer(0)]), scores: scores)
        var values = [RESPReply](repeating: .integer(number), count: PresenceFields.all.count)
        values[0] = Self.bulk("n1")
        values[14] = Self.bulk("1")
        let record = try #require(PresenceRecord(.array(values)))
        let presence = record.presence(of: ClientID(unchecked: "c"), leases: leases, resumeWindow: 86_400_000)
        #expect(presence.epoch == UInt64(max(0, number)))
        #expect(leases.isAlive(NodeID(unchecked: "n1")) == (number > 1000))
    }
}
