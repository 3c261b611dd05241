import Logging
import NIOCore
import SwitchboardProtocol
import Synchronization
import Testing

@testable import SwitchboardServer

/// A place where sets of keys are published, as far as a store can tell.
private final class Publisher: Sendable {
    private struct State {
        var text: ByteBuffer?
        var fetches = 0
        var gate: [CheckedContinuation<Void, Never>] = []
        var isHeld = false
    }

    private let state = Mutex(State())

    var fetches: Int { state.withLock { $0.fetches } }

    func publish(_ text: ByteBuffer?) { state.withLock { $0.text = text } }

    func hold() { state.withLock { $0.isHeld = true } }

    func release() {
        let waiting = state.withLock { state in
            state.isHeld = false
            defer { state.gate = [] }
            return state.gate
        }
        for continuation in waiting { continuation.resume() }
    }

    @Sendable func load() async throws(TokenKey.Fault) -> ByteBuffer {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                state.fetches += 1
                if state.isHeld { state.gate.append(continuation) }
                return !state.isHeld
            }
            if isFree { continuation.resume() }
        }
        guard let text = state.withLock({ $0.text }) else { throw TokenKey.Fault("HTTP 500") }
        return text
    }
}

@Suite struct TokenKeyStoreTests {
    private let publisher = Publisher()
    private let clock = Box<UInt64>()
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func store(fixed: [TokenKey] = []) -> TokenKeyStore {
        clock.add(1_000_000_000_000)
        let clock = clock
        return TokenKeyStore(
            fixed: fixed, allowsSecrets: false, interval: 300, load: publisher.load, now: { clock.list.last ?? 0 },
            logger: logger)
    }

    private func pass(seconds: UInt64) { clock.add((clock.list.last ?? 0) + seconds * 1_000_000_000) }

    private func new() throws -> (set: ByteBuffer, id: String) {
        let key = try #require(NewSigningKey(.edDSA))
        let jwk = try JSONDocument(key.jwk)
        return (key.keySet, try #require(jwk["kid"].flatMap(jwk.string)))
    }

    private func bring(_ id: String, _ store: TokenKeyStore) async -> Refusal.Reason? {
        await asyncRefusal { () async throws(Refusal) in try await store.bring(id, otherwise: .unknownSigner) }
    }

    @Test("A new key is found with one fetch, an invented one is refused with one") func rotation() async throws {
        let store = store()
        let (first, second) = try (new(), new())
        publisher.publish(first.set)
        #expect(await store.refresh())
        #expect(store.keys.holds(first.id))
        publisher.publish(second.set)
        pass(seconds: 10)
        #expect(await bring(second.id, store) == nil)
        #expect(publisher.fetches == 2)
        #expect(store.keys.keys.map(\.id) == [second.id], "what is not published any more is not good any more")
        pass(seconds: 10)
        #expect(await bring("invented", store) == .unknownSigner)
        #expect(publisher.fetches == 3)
        for number in 0..<1000 { #expect(await bring("invented-\(number)", store) == .signersUnavailable) }
        #expect(await bring("invented", store) == .unknownSigner)
        #expect(publisher.fetches == 3)
    }

    @Test("The old set stays while fetches fail or bring nonsense, and nobody is refused for good")
    func failures() async throws {
        let store = store()
        let (first, second) = try (new(), new())
        publisher.publish(first.set)
        await store.refresh()
        let nonsense = [
            nil, ByteBuffer(), ByteBuffer(string: #"{"keys":[]}"#), try #require(NewSigningKey(.hs256)).keySet,
        ]
        for text in nonsense {
            publisher.publish(text)
            pass(seconds: 10)
            #expect(await bring(second.id, store) == .signersUnavailable)
            #expect(store.keys.holds(first.id))
        }
        publisher.publish(second.set)
        #expect(await bring(second.id, store) == .signersUnavailable, "not so soon")
        pass(seconds: 10)
        #expect(await bring(second.id, store) == nil)
    }

    @Test("Whoever comes during a fetch waits for that one") func together() async throws {
        let store = store()
        let key = try new()
        publisher.publish(key.set)
        publisher.hold()
        let reasons = await withTaskGroup(of: Refusal.Reason?.self) { tasks in
            for number in 0..<50 {
                let id = number.isMultiple(of: 2) ? key.id : "other"
                tasks.addTask { await self.bring(id, store) }
            }
            // One is under way; those that have not asked yet will find it there, or its result.
            while publisher.fetches == 0 { await Task.yield() }
            publisher.release()
            return await tasks.reduce(into: []) { $0.append($1) }
        }
        #expect(publisher.fetches == 1)
        #expect(reasons.count { $0 == nil } == 25)
        #expect(reasons.allSatisfy { $0 == nil || $0 == .unknownSigner })
    }

    @Test("Fixed keys are there before and after any fetch") func fixed() async throws {
        let store = store(fixed: try await TestTokens.secretSet().keys)
        #expect(store.keys.keys.map(\.algorithm) == [.hs256])
        publisher.publish(try new().set)
        await store.refresh()
        #expect(store.keys.keys.map(\.algorithm) == [.hs256, .edDSA])
        publisher.publish(nil)
        #expect(await !store.refresh())
        #expect(store.keys.keys.count == 2)
    }

    @Test("Where there is nothing to fetch, nobody waits") func none() async throws {
        let store = TokenKeyStore(fixed: [], allowsSecrets: true, interval: 1, load: nil, logger: logger)
        #expect(await store.refresh())
        #expect(await bring("x", store) == .unknownSigner)
    }

    @Test("It fetches at its start and whenever it is due, until it is stopped") func running() async throws {
        let publisher = publisher
        publisher.publish(try new().set)
        let store = TokenKeyStore(
            fixed: [], allowsSecrets: false, interval: 0.001, load: publisher.load, logger: logger)
        let task = Task { try await store.run() }
        while publisher.fetches < 3 { await Task.yield() }
        task.cancel()
        try await task.value
    }
}
