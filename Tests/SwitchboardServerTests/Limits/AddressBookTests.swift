import Testing

@testable import SwitchboardServer

@Suite struct AddressBookTests {
    private let book = AddressBook(limit: 2, trusted: AddressRange.loopback)

    @Test(arguments: [
        ("192.0.2.7", "192.0.2.7"), ("192.0.2.7:4711", "192.0.2.7"), ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"), ("unknown", "unknown"), ("", ""),
    ])
    func thePortIsLeftOut(address: String, host: String) { #expect(AddressBook.host(of: address) == host) }

    @Test func anIPv6NetworkIsOneAddress() {
        let key = book.key(of: "2001:db8:0:7::1")
        #expect(key != nil)
        #expect(book.key(of: "[2001:db8:0:7:ffff::9]:80") == key)
        #expect(book.key(of: "2001:db8:0:8::1") != key)
        #expect(book.key(of: "192.0.2.7") != book.key(of: "192.0.2.8"))
    }

    @Test func proxiesThemselvesAreNotCounted() {
        #expect(book.key(of: "127.0.0.1:80") == nil)
        #expect(book.key(of: "::1") == nil)
        #expect(AddressBook(limit: 0, trusted: []).key(of: "192.0.2.7") == nil)
    }

    @Test func asManyAsThereMayBe() {
        let places = (0..<3).map { _ in AddressPlace(in: book) }
        #expect(places.map { $0.take("192.0.2.7:80") } == [true, true, false])
        // Whoever has a place has it, whatever it is asked again.
        #expect(places[0].take("192.0.2.7:81"))
        #expect(AddressPlace(in: book).take("192.0.2.8"))
        places[2].giveBack()
        #expect(!places[2].take("192.0.2.7"))
        places[0].giveBack()
        places[0].giveBack()
        #expect(places[2].take("192.0.2.7"))
        #expect(!places[0].take("192.0.2.7"))
    }

    @Test func nothingIsKeptOfThoseWhoHaveGone() {
        let places = (0..<100).map { number in
            let place = AddressPlace(in: book)
            #expect(place.take("192.0.2.\(number)"))
            return place
        }
        #expect(book.count == 100)
        for place in places { place.giveBack() }
        #expect(book.count == 0)
    }
}
