import SwitchboardProtocol
import Testing

@testable import SwitchboardCore

@Suite struct MailCursorTests {
    private func offset(_ number: UInt64) -> StreamOffset { StreamOffset(milliseconds: number, sequence: 0) }

    private func place(_ number: UInt64, after previous: UInt64) -> BusPush.Place {
        BusPush.Place(offset: offset(number), previous: offset(previous))
    }

    @Test func pushesThatFollowEachOtherAreSent() {
        var cursor = MailCursor()
        #expect(cursor.arrived(place(1, after: 0)) == .send)
        #expect(cursor.arrived(place(2, after: 1)) == .send)
        #expect(cursor.arrived(place(2, after: 1)) == .repeated)
        #expect(cursor.arrived(place(1, after: 0)) == .repeated)
        #expect(cursor.handed == offset(2))
    }

    @Test func aHoleMakesItRead() {
        var cursor = MailCursor()
        #expect(cursor.arrived(place(1, after: 0)) == .send)
        #expect(cursor.arrived(place(3, after: 2)) == .hold(begins: true))
        #expect(cursor.arrived(place(4, after: 3)) == .hold(begins: false))
        #expect(cursor.take(place(2, after: 1)) == true)
        #expect(cursor.take(place(3, after: 2)) == true)
        #expect(cursor.take(place(3, after: 2)) == false)
        // The fourth came after the read had begun, so the page need not have it.
        #expect(cursor.finished(hasMore: false) == true)
        #expect(cursor.take(place(4, after: 3)) == true)
        #expect(cursor.finished(hasMore: false) == false)
        #expect(cursor.arrived(place(5, after: 4)) == .send)
    }

    @Test func whatIsGoneIsNotLookedForAgain() {
        var cursor = MailCursor()
        #expect(cursor.arrived(place(3, after: 2)) == .hold(begins: true))
        // All of it was cancelled meanwhile.
        #expect(cursor.finished(hasMore: false) == false)
        #expect(cursor.handed == offset(3))
        #expect(cursor.arrived(place(4, after: 3)) == .send)
    }

    @Test func aSecondCheckMakesASecondRead() {
        var cursor = MailCursor()
        #expect(cursor.check() == true)
        #expect(cursor.check() == false)
        #expect(cursor.finished(hasMore: false) == true)
        #expect(cursor.finished(hasMore: false) == false)
        #expect(!cursor.isReading)
    }

    @Test func aFailedReadIsMadeGoodByTheNextPush() {
        var cursor = MailCursor()
        #expect(cursor.check() == true)
        cursor.failed()
        #expect(cursor.arrived(place(2, after: 1)) == .hold(begins: true))
    }

    /// A mailbox, a bus that loses messages, and reads that take their time: whatever happens, the session gets every push in
    /// order and once, up to the newest that the bus did not lose.
    @Test(arguments: 0..<200)
    func nothingIsLeftOutOrRepeated(seed: UInt64) {
        var random = Seeded(seed)
        var cursor = MailCursor()
        var mailbox: [BusPush.Place] = []
        var onTheWay: [BusPush.Place] = []
        var read: (after: StreamOffset, served: (page: ArraySlice<BusPush.Place>, hasMore: Bool)?)?
        var handed: [StreamOffset] = []
        var newestHeard = StreamOffset.zero

        func begin() { read = (cursor.handed, nil) }
        func serve() {
            guard let request = read, request.served == nil else { return }
            let waiting = mailbox.filter { $0.offset > request.after }
            read?.served = (waiting.prefix(3), waiting.count > 3)
        }
        func take() {
            guard let served = read?.served else { return }
            read = nil
            for place in served.page where cursor.take(place) { handed.append(place.offset) }
            if cursor.finished(hasMore: served.hasMore) { begin() }
        }
        func hear() {
            guard !onTheWay.isEmpty else { return }
            let place = onTheWay.removeFirst()
            newestHeard = max(newestHeard, place.offset)
            switch cursor.arrived(place) {
            case .send: handed.append(place.offset)
            case .repeated: break
            case .hold(let begins): if begins { begin() }
            }
        }

        for step in 0..<300 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0...2:
                let place = place(UInt64(step + 1), after: mailbox.last?.offset.milliseconds ?? 0)
                mailbox.append(place)
                if Int.random(in: 0..<5, using: &random) > 0 { onTheWay.append(place) }
            case 3...5: hear()
            case 6, 7: serve()
            case 8: take()
            default:
                if Int.random(in: 0..<10, using: &random) == 0, cursor.check() { begin() }
            }
        }
        while !onTheWay.isEmpty || read != nil {
            hear()
            serve()
            take()
        }
        #expect(handed == mailbox.map(\.offset).filter { $0 <= (handed.last ?? .zero) })
        #expect(newestHeard <= (handed.last ?? .zero))
    }
}
