import SwitchboardProtocol
import Testing

@testable import SwitchboardCore

@Suite struct WebhookLaneTests {
    @Test("Clients are spread over all lanes") func spread() {
        var sizes = [Int](repeating: 0, count: WebhookLane.count)
        for index in 0..<16_000 { sizes[WebhookLane.of(ClientID(unchecked: "kiosk-\(index)"))] += 1 }
        // 1000 each on average; this is ten standard deviations away.
        #expect(sizes.allSatisfy { (700...1300).contains($0) }, "\(sizes)")
    }

    @Test(
        "Every version of the program finds the same lane",
        arguments: [("kiosk-7", 8), ("a", 0), ("till:berlin@12", 2)])
    func stable(name: String, lane: Int) { #expect(WebhookLane.of(ClientID(unchecked: name)) == lane) }
}
