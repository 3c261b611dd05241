import NIOCore
import SwitchboardCore
import SwitchboardProtocol
import Testing

@Suite struct BusCodecRefusalTests {
    private static let long = String(repeating: "x", count: 129)
    private static let tooMany = (0...Target.maximumClients).map { "\"c\($0)\"" }.joined(separator: ",")
    private static let tooManyLabels = (0...Target.maximumLabels).map { "\"k\($0)\":\"v\"" }.joined(separator: ",")
    private static let receipt = #""type":"receipt","ticket":1,"node":"n","matched":1,"delivered":1,"dropped":0"#
    private static let evict = #""type":"evict","client":"c","session":"s","epoch":1,"node":"n","address":"a""#
    private static let acknowledged = #""type":"acknowledged","ticket":1,"node":"n","clients":1"#
    private static let command =
        #""type":"command","id":"k","origin":"n","client":"c","name":"x","timeout":1,"text":"""#
    private static let event = #""type":"commandEvent","id":"k","node":"n""#
    private static let placed =
        #""to":{"client":"c"},"text":"","expires":1,"offset":"1-0","previous":"0-0","collapse":"k""#
    private static let control = #""type":"control","id":"i","origin":"n","client":"c""#

    /// Each in itself well-formed but for one thing.
    private static let refused: [String] = [
        // The line itself
        "", "\n", "\nbody", "{", "}", "[]", "1", "null", "\"to\"", "{} {}", "{}", "{}\nbody", "hello", "{'to':1}",
        #"{"to":{"all":true},"text":"x",}"#, #"{"to":{"all":true},"to":{"all":true},"text":"x"}"#,
        // Whom
        #"{"text":"x"}"#, #"{"to":null,"text":"x"}"#, #"{"to":"all","text":"x"}"#, #"{"to":{},"text":"x"}"#,
        #"{"to":{"all":false},"text":"x"}"#, #"{"to":{"all":1},"text":"x"}"#,
        #"{"to":{"all":true,"group":"g"},"text":"x"}"#, #"{"to":{"everyone":true},"text":"x"}"#,
        #"{"to":{"client":""},"text":"x"}"#, #"{"to":{"client":"a b"},"text":"x"}"#, #"{"to":{"client":7},"text":"x"}"#,
        #"{"to":{"client":"\#(long)"},"text":"x"}"#, #"{"to":{"clients":[]},"text":"x"}"#,
        #"{"to":{"clients":["a",1]},"text":"x"}"#, #"{"to":{"clients":[\#(tooMany)]},"text":"x"}"#,
        #"{"to":{"group":"g/h"},"text":"x"}"#, #"{"to":{"labels":{}},"text":"x"}"#,
        #"{"to":{"labels":{"a":1}},"text":"x"}"#, #"{"to":{"labels":{\#(tooManyLabels)}},"text":"x"}"#,
        // What
        #"{"to":{"all":true}}"#, #"{"to":{"all":true}}"# + "\n", #"{"to":{"all":true},"text":"x","data":1}"#,
        #"{"to":{"all":true},"text":1}"#, #"{"to":{"all":true},"base64":"?"}"#, #"{"to":{"all":true},"base64":1}"#,
        #"{"to":{"all":true},"format":"xml"}"# + "\nx", #"{"to":{"all":true},"format":1}"# + "\nx",
        #"{"to":{"all":true},"format":"xml"}"#,
        // Names and numbers of a push
        #"{"to":{"all":true},"text":"x","id":""}"#, #"{"to":{"all":true},"text":"x","id":1}"#,
        #"{"to":{"all":true},"text":"x","origin":"a b"}"#, #"{"to":{"all":true},"text":"x","at":-1}"#,
        #"{"to":{"all":true},"text":"x","at":"now"}"#, #"{"to":{"all":true},"text":"x","at":1.5}"#,
        #"{"to":{"all":true},"text":"x","at":9223372036854775808}"#,
        // Types
        #"{"type":"unknown"}"#, #"{"type":1}"#, #"{"type":null}"#, #"{"type":"push"}"#, #"{"type":"receipt"}"#,
        #"{"type":"evict"}"#, #"{"type":"control"}"#, #"{"type":"done"}"#, #"{"type":"query"}"#, #"{"type":"answer"}"#,
        #"{"type":"canary"}"#, #"{"type":"canary","token":1}"#, #"{"type":"nodeUp"}"#,
        #"{"type":"nodeDown","node":""}"#,
        "{\(receipt.replacing("\"matched\":1", with: "\"matched\":-1"))}",
        "{\(receipt.replacing("\"delivered\":1", with: "\"delivered\":\"1\""))}",
        "{\(receipt.replacing("\"matched\":1", with: "\"matched\":4294967297"))}",
        "{\(receipt.replacing("\"delivered\":1", with: "\"delivered\":9000000000000000000"))}",
        "{\(receipt.replacing("\"dropped\":0", with: "\"dropped\":4294967297"))}",
        "{\(acknowledged.replacing("\"clients\":1", with: "\"clients\":4294967297"))}",
        #"{"type":"events","watch":"w","node":"n","dropped":9223372036854775807}"# + "\n{}\n",
        "{\(receipt.replacing("\"dropped\":0", with: "\"dropped\":1e3"))}",
        "{\(receipt.replacing("\"node\":\"n\"", with: "\"node\":\"\""))}",
        "{\(receipt.replacing("\"ticket\":1", with: "\"ticket\":-1"))}",
        "{\(receipt.replacing("\"ticket\":1", with: "\"push\":\"p\""))}",
        "{\(acknowledged.replacing("\"ticket\":1", with: "\"ticket\":\"1\""))}",
        "{\(acknowledged.replacing("\"clients\":1", with: "\"clients\":-1"))}",
        "{\(acknowledged.replacing("\"node\":\"n\"", with: "\"node\":\"n n\""))}",
        // Commands
        #"{"type":"command"}"#, #"{"type":"cancel"}"#, #"{"type":"commandEvent"}"#, #"{"type":"acknowledged"}"#,
        #"{"type":"cancel","id":"k"}"#, #"{"type":"cancel","id":"","client":"c"}"#,
        "{\(command.replacing("\"timeout\":1", with: "\"timeout\":\"1\""))}",
        "{\(command.replacing("\"timeout\":1", with: "\"timeout\":1e999"))}",
        "{\(command.replacing("\"name\":\"x\"", with: "\"name\":1"))}",
        "{\(command.replacing("\"text\":\"\"", with: "\"text\":1"))}",
        "{\(command.replacing("\"origin\":\"n\"", with: "\"origin\":\"\""))}",
        "{\(event)}", "{\(event),\"event\":\"exploded\"}", "{\(event),\"event\":\"output\"}",
        "{\(event),\"event\":\"result\"}", "{\(event),\"event\":\"result\",\"status\":-1}",
        "{\(event),\"event\":\"result\",\"status\":200,\"format\":\"xml\"}",
        // Places
        "{\(placed.replacing("\"expires\":1", with: "\"expires\":-1"))}",
        "{\(placed.replacing("\"expires\":1", with: "\"expires\":\"1\""))}",
        "{\(placed.replacing("\"offset\":\"1-0\"", with: "\"offset\":\"1\""))}",
        "{\(placed.replacing("\"offset\":\"1-0\"", with: "\"offset\":1"))}",
        "{\(placed.replacing("\"previous\":\"0-0\"", with: "\"before\":\"0-0\""))}",
        "{\(placed.replacing("\"previous\":\"0-0\"", with: "\"previous\":\"+0-0\""))}",
        "{\(placed.replacing("\"collapse\":\"k\"", with: "\"collapse\":1"))}",
        "{\(placed),\"epoch\":1}",
        "{\(evict.replacing("\"epoch\":1", with: "\"epoch\":-1"))}",
        "{\(evict.replacing("\"epoch\":1", with: "\"epoch\":18446744073709551616"))}",
        "{\(evict.replacing("\"session\":\"s\"", with: "\"session\":\"s s\""))}",
        "{\(control)}", "{\(control),\"action\":\"reboot\"}", "{\(control),\"action\":\"join\"}",
        "{\(control),\"action\":\"join\",\"group\":\"a b\"}", "{\(control),\"action\":\"leave\",\"group\":1}",
        "{\(control),\"action\":\"close\",\"code\":65536,\"reason\":\"\"}",
        "{\(control),\"action\":\"close\",\"code\":-1,\"reason\":\"\"}",
        "{\(control),\"action\":\"close\",\"code\":1000}",
        #"{"type":"done","id":"i","node":"n","result":"perhaps"}"#,
        #"{"type":"query","id":"q","origin":"n","subject":"secrets"}"#,
        #"{"type":"query","id":"q","origin":"n","subject":"members"}"#,
        #"{"type":"query","id":"q","origin":"n","subject":"closes"}"#,
        #"{"type":"watch","id":"w","origin":"n","types":[]}"#,
        #"{"type":"watch","id":"w","origin":"n","types":[1],"lease":1}"#,
        #"{"type":"watch","id":"w","origin":"n","client":"a b","types":[],"lease":1}"#,
        #"{"type":"events","watch":"w","node":"n"}"#,
        #"{"type":"answer","id":"q","node":"n n"}"#,
    ]

    @Test func eachIsRefusedWithAReason() {
        for wire in Self.refused {
            do throws(BusCodec.Failure) {
                let message = try BusSamples.decode(ByteBuffer(string: wire))
                Issue.record("\(wire) was read as \(message)")
            } catch {
                #expect(!error.description.isEmpty)
                // It goes into a log line.
                #expect(!error.description.contains("\n"), "\(wire)")
                #expect(error.description.utf8.count < 512, "\(wire)")
            }
        }
    }

    /// The pieces that the table above breaks are themselves in order.
    @Test(arguments: [
        "{\(receipt)}", "{\(evict)}", "{\(receipt.replacing("\"matched\":1", with: "\"matched\":4294967296"))}",
        "{\(acknowledged)}", "{\(command)}", "{\(placed)}", "{\(placed),\"epoch\":\"e\"}",
        "{\(event),\"event\":\"delivered\"}", "{\(event),\"event\":\"result\",\"status\":200}",
        "{\(control),\"action\":\"join\",\"group\":\"g\"}",
    ])
    func theUnbrokenFormsAreRead(wire: String) throws {
        _ = try BusSamples.decode(ByteBuffer(string: wire))
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        var wire = ByteBuffer(string: #"{"to":{"all":true},"text":""#)
        wire.writeBytes([0xC3, 0x28])
        wire.writeString("\"}")
        #expect(throws: BusCodec.Failure.self) { try BusSamples.decode(wire) }
    }

    @Test func deepNestingIsRefused() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: BusCodec.Failure.self) { try BusSamples.decode(ByteBuffer(string: #"{"to":"# + deep)) }
    }
}
