import SwitchboardProtocol
import Testing

@testable import SwitchboardRedis

struct RedisAddressTests {
    @Test func readsEveryPart() throws {
        let address = try RedisAddress(url: "rediss://us%40er:p%3Ass%2Fw@redis.example:6380/3")
        #expect(address.host == "redis.example")
        #expect(address.port == 6380)
        #expect(address.isTLS)
        #expect(address.user == "us@er")
        #expect(address.password == "p:ss/w")
        #expect(address.database == 3)
        #expect(address.serverName == "redis.example")
        #expect(address.description == "rediss://redis.example:6380/3")
    }

    @Test func hasDefaults() throws {
        let address = try RedisAddress(url: "redis://localhost")
        #expect(address.port == 6379)
        #expect(!address.isTLS)
        #expect(address.user == nil)
        #expect(address.password == nil)
        #expect(address.database == 0)
    }

    @Test func readsPasswordsWithoutUser() throws {
        let address = try RedisAddress(url: "redis://:secret@10.0.0.1/")
        #expect(address.user == nil)
        #expect(address.password == "secret")
        #expect(address.serverName == nil)
    }

    @Test func readsIPv6() throws {
        let address = try RedisAddress(url: "redis://[2001:db8::1]:7000")
        #expect(address.host == "2001:db8::1")
        #expect(address.port == 7000)
        #expect(address.serverName == nil)
        #expect(address.description == "redis://[2001:db8::1]:7000")
        #expect(try RedisAddress(url: "redis://[::1]").port == 6379)
    }

    @Test(
        "What is wrong is named",
        arguments: [
            ("localhost:6379", RedisConfigurationError.notAURL), ("http://localhost", .unknownScheme("http")),
            ("redis+sentinel://a,b", .noMasterName), ("redis+sentinel://a,b/", .noMasterName),
            ("redis+sentinel://a,,b/m", .invalidHost), ("redis+sentinel://a/m/x", .invalidDatabase("x")),
            ("redis+cluster://a/1", .databaseOfCluster), ("redis+cluster://", .invalidHost),
            ("redis://a,b", .severalHosts), ("redis+ring://a", .unknownScheme("redis+ring")),
            ("redis://", .invalidHost), ("redis://:6379", .invalidHost), ("redis://[::1", .invalidHost),
            ("redis://h:0", .invalidPort("0")), ("redis://h:x", .invalidPort("x")),
            ("redis://h:65536", .invalidPort("65536")),
            ("redis://h/x", .invalidDatabase("x")), ("redis://h/-1", .invalidDatabase("-1")),
            ("redis://user@h", .userWithoutPassword), ("redis://user:@h", .userWithoutPassword),
            ("redis://u:%zz@h", .invalidEscape), ("redis://u:%4@h", .invalidEscape),
            ("redis://u:%+1@h", .invalidEscape),
        ])
    func refuses(url: String, error: RedisConfigurationError) {
        #expect(throws: error) { try RedisAddress(url: url) }
    }

    @Test func readsSentinels() throws {
        let address = try RedisAddress(url: "rediss+sentinel://u:p@s1,s2:7000,[::1]:7001/my%20main/2")
        #expect(address.topology == .sentinel(master: "my main"))
        #expect(
            address.endpoints == [
                RedisEndpoint(host: "s1", port: 26_379), RedisEndpoint(host: "s2", port: 7000),
                RedisEndpoint(host: "::1", port: 7001),
            ])
        #expect(address.isTLS && address.user == "u" && address.password == "p" && address.database == 2)
        #expect(address.description == "rediss+sentinel://s1:26379,s2:7000,[::1]:7001/my main/2")
        #expect(try RedisAddress(url: "redis+sentinel://s1/main").database == 0)
    }

    @Test func readsARedisCluster() throws {
        let address = try RedisAddress(url: "redis+cluster://:p@a:1,b/")
        #expect(address.topology == .cluster)
        #expect(address.endpoints == [RedisEndpoint(host: "a", port: 1), RedisEndpoint(host: "b", port: 6379)])
        #expect(!address.isTLS && address.password == "p")
        #expect(address.description == "redis+cluster://a:1,b:6379")
    }

    @Test func namesKeysOfOneScriptWithOneTag() {
        let keys = RedisKeys(prefix: "sb")
        #expect(keys.push == "sb:push")
        #expect(keys.nodeChannel.name("n1") == "sb:node:{n1}")
        #expect(keys.nodeClients.name("n1") == "sb:node:{n1}:clients")
        #expect(keys.client.name("kiosk-7") == "sb:client:{kiosk-7}")
        #expect(keys.clientConnects.name("kiosk-7") == "sb:client:{kiosk-7}:connects")
        #expect(keys.nodesInfo == "{sb:nodes}:info")
        #expect(keys.upstreamID.name("a/1") == "{sb:upstream}:id:a/1")
    }
}
