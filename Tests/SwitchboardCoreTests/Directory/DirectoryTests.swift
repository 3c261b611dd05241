import SwitchboardCore
import SwitchboardProtocol
import Testing

@Suite struct DirectoryTests {
    private func place(_ slot: UInt32, generation: UInt32 = 0) -> SessionPlace {
        SessionPlace(shard: slot % 4, slot: slot, generation: generation)
    }

    @Test func theNewestEpochIsTheClientsSession() {
        let directory = Directory()
        #expect(directory.place(of: client("a")) == nil)
        #expect(directory.insert(client("a"), at: place(1), epoch: 5) == .inserted)
        #expect(directory.place(of: client("a")) == place(1))
        #expect(directory.insert(client("a"), at: place(2), epoch: 6) == .replaced(place(1)))
        #expect(directory.place(of: client("a")) == place(2))
        #expect(directory.insert(client("a"), at: place(3), epoch: 4) == .outdated)
        #expect(directory.insert(client("a"), at: place(3), epoch: 6) == .outdated)
        #expect(directory.place(of: client("a")) == place(2))
        #expect(directory.count == 1)
    }

    @Test func aReplacedSessionRemovesNothingWhenItEnds() {
        let directory = Directory()
        _ = directory.insert(client("a"), at: place(1), epoch: 1)
        _ = directory.insert(client("a"), at: place(1, generation: 1), epoch: 2)
        directory.remove(client("a"), at: place(1))
        #expect(directory.place(of: client("a")) == place(1, generation: 1))
        directory.remove(client("a"), at: place(1, generation: 1))
        #expect(directory.place(of: client("a")) == nil)
        #expect(directory.count == 0)
    }

    @Test func onlyAnOlderSessionIsFoundForAnEviction() {
        let directory = Directory()
        _ = directory.insert(client("a"), at: place(1), epoch: 5)
        #expect(directory.place(of: client("a"), before: 5) == nil)
        #expect(directory.place(of: client("a"), before: 6) == place(1))
        #expect(directory.place(of: client("b"), before: 6) == nil)
    }

    @Test(arguments: [0, 1, 7])
    func anyNumberOfStripesHoldsEverybody(stripes: Int) {
        let directory = Directory(stripes: stripes)
        for slot in 0..<200 { _ = directory.insert(client("c\(slot)"), at: place(UInt32(slot)), epoch: 1) }
        #expect(directory.count == 200)
        #expect((0..<200).allSatisfy { directory.place(of: client("c\($0)")) == place(UInt32($0)) })
    }

    /// Every session but the last must be told exactly once that it has to go, however the inserts interleave.
    @Test func amongConcurrentInsertsTheNewestWins() async {
        let directory = Directory(stripes: 2)
        let clients = (0..<8).map { client("c\($0)") }
        let (workers, rounds) = (8, 400)
        let told = await withTaskGroup(of: [[SessionPlace: Int]].self) { tasks in
            for worker in 0..<workers {
                tasks.addTask {
                    var told = clients.map { _ in [SessionPlace: Int]() }
                    for round in 0..<rounds {
                        for (index, client) in clients.enumerated() {
                            // Up for the one half and down for the other, so that old and new meet all the time.
                            let step = worker % 2 == 0 ? round : rounds - 1 - round
                            let epoch = UInt64(step * workers + worker + 1)
                            let place = SessionPlace(shard: 0, slot: UInt32(epoch), generation: 0)
                            switch directory.insert(client, at: place, epoch: epoch) {
                            case .inserted: break
                            case .replaced(let older): told[index][older, default: 0] += 1
                            case .outdated: told[index][place, default: 0] += 1
                            }
                        }
                    }
                    return told
                }
            }
            return await tasks.reduce(into: clients.map { _ in [SessionPlace: Int]() }) { sum, told in
                for index in clients.indices { sum[index].merge(told[index], uniquingKeysWith: +) }
            }
        }
        let newest = SessionPlace(shard: 0, slot: UInt32(workers * rounds), generation: 0)
        for (index, client) in clients.enumerated() {
            #expect(directory.place(of: client) == newest)
            #expect(told[index].count == workers * rounds - 1)
            #expect(told[index].values.allSatisfy { $0 == 1 })
            #expect(told[index][newest] == nil)
        }
        #expect(directory.count == clients.count)
    }

    @Test func whenEverySessionHasEndedNothingIsLeft() async {
        let directory = Directory(stripes: 2)
        await withTaskGroup(of: Void.self) { tasks in
            for worker in 0..<8 {
                tasks.addTask {
                    for round in 0..<2000 {
                        let epoch = UInt64(round * 8 + worker + 1)
                        let place = SessionPlace(shard: UInt32(worker), slot: UInt32(round), generation: 0)
                        let name = client("c\(round % 3)")
                        if directory.insert(name, at: place, epoch: epoch) != .outdated {
                            directory.remove(name, at: place)
                        }
                    }
                }
            }
        }
        #expect(directory.count == 0)
    }
}
