import SwitchboardProtocol
import Testing

@Suite struct SerialIDTests {
    /// The value of an id: base 32 with the digits of Crockford's alphabet.
    private func value(_ id: String) -> UInt64? {
        let digits = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
        return id.reduce(0) { sum, character in
            guard let sum, let digit = digits.firstIndex(of: character) else { return nil }
            return sum << 5 | UInt64(digit)
        }
    }

    @Test func idsCountUp() throws {
        var generator = SerialIDGenerator()
        let values = (0..<2000).map { _ in value(generator.next()) }
        let first = try #require(values[0])
        #expect(values == (0..<2000).map { first &+ $0 })
    }

    @Test func idsHaveThirteenCharacters() {
        var generator = SerialIDGenerator()
        for _ in 0..<100 {
            let id = generator.next()
            #expect(id.utf8.count == 13)
            #expect(SessionID(rawValue: id) != nil)
        }
    }

    @Test func generatorsBeginAnywhere() {
        let beginnings = (0..<1000).map { _ in
            var generator = SerialIDGenerator()
            return generator.next()
        }
        #expect(Set(beginnings).count == beginnings.count)
        // Not only the low digits differ.
        #expect(Set(beginnings.map { $0.prefix(4) }).count > 900)
    }
}
