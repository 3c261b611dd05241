import Testing

@testable import SwitchboardAgent

@Suite struct SealBookTests {
    private static func seal(_ expires: Int, _ content: String = "x") -> SealBook.Seal {
        SealBook.Seal(content: content, expires: expires)
    }

    @Test func whatCameBeforeIsKnownByItsContent() {
        var book = SealBook()
        #expect(book.standing(of: "a", Self.seal(100)) == .new)
        book.insert("a", Self.seal(100), now: 50)
        #expect(book.standing(of: "a", Self.seal(100)) == .known(later: false))
        #expect(book.standing(of: "a", Self.seal(90)) == .known(later: false))
        #expect(book.standing(of: "a", Self.seal(101)) == .known(later: true))
        #expect(book.standing(of: "a", Self.seal(100, "y")) == .other)
        #expect(book.standing(of: "b", Self.seal(100)) == .new)
    }

    @Test func itIsRememberedUntilNoClockCouldTakeItForGood() {
        var book = SealBook()
        book.insert("a", Self.seal(100), now: 50)
        book.insert("b", Self.seal(2000), now: 700)
        #expect(book.count == 2 && book.floor == 0)
        book.insert("c", Self.seal(2000), now: 701)
        #expect(book.count == 2 && book.floor == 100)
        // The clock was set back: still it does not run again.
        #expect(book.standing(of: "a", Self.seal(100)) == .tooOld)
        #expect(book.standing(of: "z", Self.seal(101)) == .new)
    }

    @Test func signedAnewItIsRememberedForLonger() {
        var book = SealBook()
        for (id, expires) in [("a", 100), ("b", 100), ("c", 100), ("b", 900), ("b", 200)] {
            book.insert(id, Self.seal(expires), now: 50)
        }
        #expect(book.entries.map(\.id).sorted() == ["a", "b", "c"])
        #expect(book.entries.map(\.seal.expires) == [100, 100, 900])
        book.insert("d", Self.seal(1000), now: 800)
        #expect(book.entries.map(\.id) == ["b", "d"])
    }

    /// Whatever comes in whatever order: nothing that was let in is ever new again, and the memory is bounded.
    @Test func nothingIsLetInTwice() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20 {
            var book = SealBook(most: 50)
            var ran: Set<String> = []
            var now = 10_000
            for _ in 0..<2000 {
                // Clocks go forth, stand, and are set back.
                now += Int.random(in: -400...500, using: &generator)
                let id = "\(Int.random(in: 0..<300, using: &generator))"
                let expires = now + Int.random(in: -600...3600, using: &generator)
                let standing = book.standing(of: id, Self.seal(expires))
                if case .new = standing { #expect(ran.insert("\(id) \(expires)").inserted) }
                if standing == .new || standing == .known(later: true) {
                    ran.insert("\(id) \(expires)")
                    book.insert(id, Self.seal(expires), now: now)
                }
                #expect(book.count <= 50)
            }
            // A repetition of any of them finds it known, or too old.
            for replayed in ran {
                let words = replayed.split(separator: " ")
                guard let expires = Int(words[1]) else { continue }
                #expect(book.standing(of: String(words[0]), Self.seal(expires)) != .new)
            }
        }
    }

    @Test func aSnapshotForgetsNothing() {
        var memory = AgentMemory()
        for index in 0..<10 {
            memory.apply(.sealed(id: "c\(index)", at: 50 + index * 300, Self.seal(100 + index * 300)))
        }
        var again = AgentMemory()
        for record in memory.records { again.apply(record) }
        #expect(again.seals.floor == memory.seals.floor && memory.seals.floor > 0)
        #expect(again.seals.entries.map(\.id) == memory.seals.entries.map(\.id))
        #expect(again.seals.entries.map(\.seal) == memory.seals.entries.map(\.seal))
        #expect(again.records == memory.records)
    }
}
