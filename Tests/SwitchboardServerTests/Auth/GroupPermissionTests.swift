import SwitchboardProtocol
import Testing

@testable import SwitchboardServer

@Suite struct GroupPermissionTests {
    private func grant(groups: [String] = [], join: [String] = []) -> ClientGrant {
        ClientGrant(
            client: ClientID(unchecked: "c"), groups: groups.map { GroupName(unchecked: $0) },
            joinable: join.compactMap { GroupPattern($0) }, labels: [:], expiresAt: 1)
    }

    private func allowed(_ permission: GroupPermission) -> [String] {
        ["shop-1", "shop-10", "chat:a", "chat", "ops"].filter { permission.allows(GroupName(unchecked: $0)) }
    }

    @Test("A token allows what it names, the configuration what it names for all") func permissions() {
        let configured = [GroupPattern("chat:*")].compactMap { $0 }
        #expect(allowed(GroupPermission(grant: nil, configured: nil)).count == 5)
        #expect(allowed(GroupPermission(grant: nil, configured: [])).isEmpty)
        #expect(allowed(GroupPermission(grant: nil, configured: configured)) == ["chat:a"])
        #expect(allowed(GroupPermission(grant: grant(), configured: nil)).isEmpty)
        #expect(allowed(GroupPermission(grant: grant(groups: ["shop-1"]), configured: nil)) == ["shop-1"])
        let both = GroupPermission(grant: grant(groups: ["ops"], join: ["shop-1*"]), configured: configured)
        #expect(allowed(both) == ["shop-1", "shop-10", "chat:a", "ops"])
        #expect(allowed(GroupPermission(grant: grant(join: ["*"]), configured: nil)).count == 5)
    }

    @Test("Of several groups all have to be allowed") func check() {
        let permission = GroupPermission(grant: grant(groups: ["a"]), configured: nil)
        let (a, b) = (GroupName(unchecked: "a"), GroupName(unchecked: "b"))
        #expect(refusal { () throws(Refusal) in try permission.check([a]) } == nil)
        #expect(refusal { () throws(Refusal) in try permission.check([a, b]) } == .groupNotAllowed)
    }

    @Test("What is no pattern", arguments: ["", "a b", "**", "a*b", "*a", "a/*", "ä*"])
    func wrong(text: String) {
        #expect(GroupPattern(text) == nil)
    }
}
