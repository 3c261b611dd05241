import Testing

@testable import SwitchboardCore

@Suite struct RecentIDsTests {
    @Test func aRepeatIsNoticedForFiveMinutes() {
        var ids = RecentIDs()
        #expect(ids.insert("a", now: 1000))
        #expect(!ids.insert("a", now: 1000))
        #expect(!ids.insert("a", now: 1299))
        #expect(ids.insert("a", now: 1300))
        #expect(!ids.insert("a", now: 1599))
    }

    @Test func differentIDsDoNotMeet() {
        var ids = RecentIDs()
        #expect(ids.insert("a", now: 0))
        #expect(ids.insert("A", now: 0))
        #expect(ids.insert("", now: 0))
        #expect(!ids.insert("", now: 0))
    }

    @Test func beyondTheMaximumTheOldestIsForgottenAndNoOther() {
        var ids = RecentIDs()
        for index in 0...RecentIDs.maximum { #expect(ids.insert("\(index)", now: 0)) }
        #expect(!ids.insert("\(RecentIDs.maximum)", now: 1))
        #expect(!ids.insert("\(RecentIDs.maximum / 2)", now: 1))
        #expect(ids.insert("0", now: 1))
    }

    @Test func aRepeatIsNoticedWhenTheListIsFull() {
        var ids = RecentIDs()
        for index in 0..<RecentIDs.maximum { _ = ids.insert("\(index)", now: 0) }
        #expect(!ids.insert("0", now: 1))
    }
}
