import Testing

@testable import SwitchboardServer

@Suite struct DrainPaceTests {
    /// Lets time pass in steps of 50 ms.
    ///
    /// - Returns: how many had been told after each step, by time.
    private func walk(_ pace: DrainPace, from start: Double, sessions: Int) -> [(at: Double, told: Int)] {
        var pace = pace
        var told = 0
        var steps: [(at: Double, told: Int)] = []
        for step in 1...100_000 where told < sessions {
            let now = start + Double(step) * 0.05
            let due = pace.due(at: now, left: sessions - told)
            #expect((0...(sessions - told)).contains(due))
            told += due
            steps.append((now, told))
        }
        return steps
    }

    @Test func theRateHoldsWhenThereIsTime() {
        let pace = DrainPace(rate: 100, limit: 60, sessions: 1000, now: 5)
        #expect(pace.spread == 5)
        let steps = walk(pace, from: 5, sessions: 1000)
        for step in steps { #expect(abs(Double(step.told) - (step.at - 5) * 100) <= 5.1) }
        #expect(abs((steps.last?.at ?? 0) - 15) < 0.11)
    }

    @Test func whoeverWouldBeLateGoesFaster() {
        let pace = DrainPace(rate: 10, limit: 30, sessions: 5000, now: 5)
        let steps = walk(pace, from: 5, sessions: 5000)
        #expect(pace.lastCall + pace.spread < 30)
        #expect((steps.last?.at ?? 100) <= pace.lastCall + 0.06)
        // And not all in the last moment.
        let most = zip(steps, steps.dropFirst()).map { $1.told - $0.told }.max() ?? 0
        #expect(most < 5000 / 20)
    }

    @Test func aFractionOfASessionIsNotLost() {
        let steps = walk(DrainPace(rate: 1, limit: 0, sessions: 3, now: 0), from: 0, sessions: 3)
        #expect(abs((steps.last?.at ?? 0) - 3) < 0.11)
    }

    @Test func withoutARateAllGoAtOnce() {
        var pace = DrainPace(rate: 0, limit: 60, sessions: 50_000, now: 5)
        #expect(pace.spread == 0)
        #expect(pace.due(at: 5, left: 50_000) == 50_000)
    }

    @Test func whenTheTimeIsUpAllGoAtOnce() {
        var pace = DrainPace(rate: 1, limit: 10, sessions: 100, now: 9.9)
        #expect(pace.due(at: 9.9, left: 100) == 100)
        #expect(pace.spread == 0)
    }

    @Test func fewSessionsAreSpreadOverASecond() {
        #expect(DrainPace(rate: 500, limit: 60, sessions: 20, now: 0).spread == 1)
        #expect(DrainPace(rate: 500, limit: 1, sessions: 20, now: 0).spread < 0.5)
    }
}

@Suite struct RebalanceTests {
    /// How many sessions a node has, it says itself.
    @Test func whatNobodyBelievesDoesNoHarm() {
        var node = Rebalance(percent: 10)
        #expect(node.share(own: 100, others: [.max, .max], seconds: 60) == 0)
        // As one with none.
        #expect(node.share(own: 100, others: [.min, .min], seconds: 60) == 10)
    }

    /// The counts of the nodes after `minutes` of beats, when whoever leaves goes to the least loaded one.
    private func run(_ counts: [Int], percent: Double, minutes: Int) -> [Int] {
        var counts = counts
        var nodes = counts.map { _ in Rebalance(percent: percent) }
        for _ in 0..<minutes * 20 {
            for index in counts.indices {
                let others = counts.indices.filter { $0 != index }.map { counts[$0] }
                let share = nodes[index].share(own: counts[index], others: others, seconds: 3)
                counts[index] -= share
                for _ in 0..<share {
                    guard let least = counts.indices.filter({ $0 != index }).min(by: { counts[$0] < counts[$1] }) else {
                        continue
                    }
                    counts[least] += 1
                }
            }
        }
        return counts
    }

    @Test func aNewNodeIsFilledSlowly() {
        let after = run([1000, 1000, 0], percent: 1, minutes: 1)
        #expect(after.reduce(0, +) == 2000)
        #expect((15...25).contains(after[2]))
    }

    @Test func itEndsNearTheMean() {
        let after = run([1000, 1000, 0], percent: 10, minutes: 30)
        for count in after { #expect(abs(Double(count) - 2000.0 / 3) < 70) }
        #expect(run(after, percent: 10, minutes: 10) == after)
    }

    @Test func off() { #expect(run([1000, 0], percent: 0, minutes: 10) == [1000, 0]) }

    @Test func aloneOrEvenNothingHappens() {
        #expect(run([1000], percent: 100, minutes: 1) == [1000])
        #expect(run([500, 500, 520], percent: 100, minutes: 5) == [500, 500, 520])
        #expect(run([1, 0], percent: 100, minutes: 5) == [1, 0])
    }
}
