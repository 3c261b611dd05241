import Testing

@testable import SwitchboardServer

@Suite struct SlotTableTests {
    @Test func aSlotIsUsedAgainUnderANewGeneration() throws {
        let test = TestNode()
        let (first, second) = (try test.session(), try test.session())
        var table = SlotTable()
        let old = table.add(first, .framed)
        table.set(old.slot, descriptor: 7, isOpen: true)
        #expect(table.session(old.slot, generation: old.generation) === first)
        table.remove(old.slot)
        #expect(table.session(old.slot, generation: old.generation) == nil)
        #expect(table.session(old.slot, generation: old.generation &+ 1) == nil)
        let new = table.add(second, .raw)
        #expect(new.slot == old.slot)
        #expect(new.generation != old.generation)
        #expect(table.session(old.slot, generation: old.generation) == nil)
        #expect(table.session(new.slot, generation: new.generation) === second)
    }

    /// Nothing may be sent to what the last session left in its slot.
    @Test func aFreeSlotHasNoSocket() throws {
        let test = TestNode()
        var table = SlotTable()
        let place = table.add(try test.session(), .framed)
        table.set(place.slot, descriptor: 7, isOpen: true)
        #expect(table.slots[0].descriptor == 7 && table.slots[0].isOpen && table.slots[0].form == .framed)
        table.remove(place.slot)
        #expect(table.slots[0].descriptor < 0 && !table.slots[0].isOpen && table.slots[0].session == nil)
        _ = table.add(try test.session(), .raw)
        #expect(table.slots[0].descriptor < 0 && !table.slots[0].isOpen && table.slots[0].form == .raw)
    }

    @Test func aSlotThatNeverWasHasNobody() {
        #expect(SlotTable().session(0, generation: 0) == nil)
        #expect(SlotTable().session(.max, generation: .max) == nil)
    }

    @Test(arguments: Seeded.seeds)
    func randomComingAndGoing(seed: UInt64) throws {
        var random = Seeded(seed)
        let test = TestNode()
        let sessions = try (0..<20).map { _ in try test.session() }
        var table = SlotTable()
        var places: [Int: (slot: UInt32, generation: UInt32)] = [:]
        var gone: [(slot: UInt32, generation: UInt32)] = []
        for _ in 0..<2000 {
            let who = random.below(sessions.count)
            if let place = places.removeValue(forKey: who) {
                table.remove(place.slot)
                gone.append(place)
            } else {
                places[who] = table.add(sessions[who], random.chance(50) ? .framed : .raw)
            }
            for (who, place) in places where table.session(place.slot, generation: place.generation) !== sessions[who] {
                Issue.record("session \(who) is not at \(place)")
                return
            }
        }
        #expect(gone.allSatisfy { table.session($0.slot, generation: $0.generation) == nil })
        // Places are used again, so the table is never longer than the most that were there at once.
        #expect(table.slots.count <= sessions.count)
        #expect(table.slots.count { $0.session != nil } == places.count)
    }
}
