import NIOCore
import Testing

@testable import SwitchboardCore

@Suite struct AlertRuleTests {
    @Test(arguments: [
        ("a: cpu > 0.9", "a: cpu > 0.9 red"),
        ("a:cpu>=1", nil),
        ("  hot: cpu >= 1 for 30 amber", "hot: cpu >= 1 for 30 amber"),
        ("hot:cpu < 2 for 1.5s red", "hot: cpu < 2 for 1.5 red"),
        ("l: load.0 != 3", "l: load.0 != 3 red"),
        ("s: state == ok amber", "s: state == \"ok\" amber"),
        ("s: state != \"well done\" for 5", "s: state != \"well done\" for 5 red"),
        ("s: state == \"\"", "s: state == \"\" red"),
        ("away: offline for 60", "away: offline for 60 red"),
        ("away: offline", "away: offline red"),
        ("t: state == \"for 5: amber\"", "t: state == \"for 5: amber\" red"),
        ("n: free < -1e3", "n: free < -1000 red"),
    ])
    func reads(text: String, canonical: String?) throws {
        guard let canonical else {
            #expect(throws: AlertRuleError.self) { try AlertRule(text) }
            return
        }
        let rule = try AlertRule(text)
        #expect(rule.description == canonical)
        #expect(try AlertRule(rule.description) == rule)
    }

    @Test(arguments: [
        ("cpu > 0.9", "colon"), ("", "colon"), (": cpu > 1", "name"), ("a b: cpu > 1", "name"),
        (String(repeating: "a", count: 65) + ": cpu > 1", "name"), ("a:", "condition"), ("a: cpu", "one of"),
        ("a: cpu => 1", "one of"), ("a: cpu >", "compare"), ("a: cpu > high", "number behind >"),
        ("a: cpu > nan", "number"), ("a: cpu > inf", "number"), ("a: .cpu > 1", "field"), ("a: a..b > 1", "field"),
        ("a: a.b.c.d.e.f.g.h.i > 1", "field"), ("a: cpu > 1 for", "seconds"), ("a: cpu > 1 for -1", "seconds"),
        ("a: cpu > 1 for 86401", "seconds"), ("a: cpu > 1 for nan", "seconds"), ("a: cpu > 1 yellow", "amber or red"),
        ("a: cpu > 1 red amber", "nothing behind"), ("a: s == \"open", "quote"), ("a: s == \"a\nb\"", "one line"),
        ("a: s == " + String(repeating: "x", count: 129), "128 bytes"), ("a: offline > 3", "amber or red"),
    ])
    func refuses(text: String, reason: String) {
        do {
            let rule = try AlertRule(text)
            Issue.record("\(rule)")
        } catch {
            #expect(error.description.contains(reason), "\(error)")
            #expect(!error.description.contains("\n"))
        }
    }

    @Test func theStandardRulesReadAsThemselves() throws {
        for rule in AlertRule.standard { #expect(try AlertRule(rule.description) == rule) }
        #expect(Set(AlertRule.standard.map(\.name)).count == AlertRule.standard.count)
    }

    private static let health = """
        {"cpu":0.95,"load":[1,2.5],"memory":{"total":100,"available":4},"disk":{"total":100,"free":5},"ok":true,
         "queue":{"used":7,"total":1,"available":1},"name":"till","null":null,
         "deep":{"er":{"list":[{"x":1}]}},"empty":{"total":0,"free":0}}
        """

    @Test(arguments: [
        ("cpu > 0.9", AlertValue.number(0.95)), ("cpu > 0.95", nil), ("cpu >= 0.95", .number(0.95)),
        ("cpu < 0.9", nil), ("cpu != 0.9", .number(0.95)), ("load.1 > 2", .number(2.5)), ("load.2 > 0", nil),
        ("load.x > 0", nil), ("load > 0", nil), ("memory.used > 0.95", .number(0.96)),
        ("disk.used > 0.9", .number(0.95)),
        ("queue.used > 6", .number(7)), ("empty.used >= 0", nil), ("name == till", .text("till")),
        ("name != till", nil), ("name != 3", nil), ("cpu == till", nil), ("ok == true", .text("true")),
        ("ok != false", .text("true")), ("null == null", nil), ("missing != x", nil), ("name.used > 0", nil),
        ("deep.er.list.0.x == 1", .number(1)), ("deep.er != x", nil),
    ])
    func looksAtAField(condition: String, found: AlertValue?) throws {
        let reading = try #require(HealthReading(ByteBuffer(string: Self.health)))
        let violation = try AlertRule("r: " + condition).violation(in: reading)
        if case .number(let number)? = found, case .number(let other)? = violation {
            #expect(abs(number - other) < 1e-9)
        } else {
            #expect(violation == found)
        }
    }

    @Test func theWorstIsTheLevel() throws {
        let reading = try #require(HealthReading(ByteBuffer(string: Self.health)))
        let rules = try ["a: cpu > 0.9 for 60 amber", "b: cpu > 0.99 red", "c: offline for 60"].map {
            try AlertRule($0)
        }
        #expect(rules.level(of: reading, isOnline: true) == .amber)
        #expect(rules.level(of: reading, isOnline: false) == .red)
        #expect([AlertRule]().level(of: reading, isOnline: false) == nil)
        #expect(HealthReading(ByteBuffer(string: "[1]")) == nil)
    }
}
