import Testing

@testable import SwitchboardCore

@Suite struct RecentIDsTests {
    @Test func aRepeatIsNoticedForFiveMinutes() {
        var ids = RecentIDs()
        #expect(ids.insert("a", now: 1000) == true)
        #expect(ids.insert("a", now: 1000) == false)
        #expect(ids.insert("a", now: 1299) == false)
        #expect(ids.insert("a", now: 1300) == true)
        #expect(ids.insert("a", now: 1599) == false)
    }

    @Test func differentIDsDoNotMeet() {
        var ids = RecentIDs()
        #expect(ids.insert("a", now: 0) == true)
        #expect(ids.insert("A", now: 0) == true)
        #expect(ids.insert("", now: 0) == true)
        #expect(ids.insert("", now: 0) == false)
    }

    @Test func beyondTheMaximumTheOldestIsForgottenAndNoOther() {
        var ids = RecentIDs()
        let areNew = (0...RecentIDs.maximum).allSatisfy { ids.insert("\($0)", now: 0) }
        #expect(areNew)
        #expect(ids.insert("\(RecentIDs.maximum)", now: 1) == false)
        #expect(ids.insert("\(RecentIDs.maximum / 2)", now: 1) == false)
        #expect(ids.insert("0", now: 1) == true)
    }

    @Test func aRepeatIsNoticedWhenTheListIsFull() {
        var ids = RecentIDs()
        for index in 0..<RecentIDs.maximum { _ = ids.insert("\(index)", now: 0) }
        #expect(ids.insert("0", now: 1) == false)
    }
}
