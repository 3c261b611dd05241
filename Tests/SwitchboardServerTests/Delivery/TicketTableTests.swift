import Testing

@testable import SwitchboardServer

extension TicketTable {
    fileprivate mutating func add(_ value: Value) throws -> UInt64 {
        let ticket = insert(value)
        return try #require(ticket)
    }
}

@Suite struct TicketTableTests {
    @Test func aTicketFindsItsValueUntilItIsTakenOut() throws {
        var table = TicketTable<String>()
        let one = try table.add("one")
        let two = try table.add("two")
        #expect(one != two)
        #expect(table.count == 2)
        #expect(table.update(one) { $0 += "!" } != nil)
        #expect(table.remove(one) == "one!")
        #expect(table.remove(one) == nil)
        #expect(table.update(one) { _ in } == nil)
        #expect(table.update(two) { $0 } == "two")
        #expect(table.count == 1)
    }

    @Test func aLateAnswerMeetsNobodyElsesValue() throws {
        var table = TicketTable<Int>()
        let old = try table.add(1)
        table.remove(old)
        let new = try table.add(2)
        #expect(table.remove(old) == nil)
        #expect(table.update(old) { _ in } == nil)
        #expect(table.remove(new) == 2)
    }

    @Test func strangeTicketsFindNothing() throws {
        var table = TicketTable<Int>()
        let ticket = try table.add(1)
        for strange in [0, 1, UInt64.max, ticket + 1, ticket ^ 1 << 24, ticket ^ 1 << 60] {
            #expect(table.remove(strange) == nil, "\(strange)")
        }
        #expect(table.count == 1)
    }

    @Test func tablesOfDifferentProcessesGiveDifferentTickets() {
        let tickets = (0..<20).compactMap { _ in
            var table = TicketTable<Int>()
            return table.insert(1)
        }
        #expect(Set(tickets).count > 15)
    }

    /// RFC 8259 section 6: readers may take numbers for doubles.
    @Test(arguments: [0, 1, 1 << 28 - 1, .max] as [UInt64])
    func everyTicketIsAWholeDoubleAndNeverZero(firstGeneration: UInt64) throws {
        var table = TicketTable<Int>(firstGeneration: firstGeneration)
        var seen: Set<UInt64> = []
        for _ in 0..<10 {
            let ticket = try table.add(1)
            #expect(ticket > 0)
            #expect(ticket < 1 << 53)
            #expect(seen.insert(ticket).inserted)
            table.remove(ticket)
        }
    }

    @Test(arguments: Seeded.seeds)
    func likeADictionary(seed: UInt64) {
        var random = Seeded(seed)
        var table = TicketTable<Int>()
        var model: [UInt64: Int] = [:]
        var gone: [UInt64] = []
        for step in 0..<5000 {
            switch random.below(4) {
            case 0, 1:
                guard let ticket = table.insert(step), model.updateValue(step, forKey: ticket) == nil else {
                    Issue.record("a ticket was given twice")
                    return
                }
            case 2:
                guard let ticket = model.keys.randomElement(using: &random) else { continue }
                #expect(table.remove(ticket) == model.removeValue(forKey: ticket))
                gone.append(ticket)
            default:
                if let ticket = gone.randomElement(using: &random) { #expect(table.remove(ticket) == nil) }
                guard let ticket = model.keys.randomElement(using: &random) else { continue }
                model[ticket]? += 1
                #expect(table.update(ticket) { value in value += 1 } != nil)
            }
        }
        var all: [UInt64: Int] = [:]
        table.visit { all[$0] = $1 }
        #expect(all == model)
        #expect(table.count == model.count)
    }
}
