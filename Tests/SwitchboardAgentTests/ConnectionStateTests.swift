import NIOCore
import SwitchboardProtocol
import SwitchboardWebSocket
import Testing

@testable import SwitchboardAgent

/// The life of a connection with plain values: no socket, no clock.
@Suite struct ConnectionStateTests {
    typealias Action = AgentConnectionState.Action

    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    static func at(_ seconds: Double) -> NIODeadline { start + .seconds(seconds) }

    static func hello(interval: Double = 25, timeout: Double = 10, minimum: Double = 1, maximum: Double = 30)
        -> ServerFrame.Hello
    {
        ServerFrame.Hello(
            client: ClientID(unchecked: "c"), session: SessionID(unchecked: "s"), epoch: 1,
            node: NodeID(unchecked: "n"),
            heartbeatInterval: interval, heartbeatTimeout: timeout, reconnectMinimum: minimum, reconnectMaximum: maximum
        )
    }

    static func text(_ frame: ServerFrame) -> MessageEvent { .text(bytes(frame)) }

    static func bytes(_ frame: ServerFrame) -> ByteBuffer {
        var text = ByteBuffer()
        frame.write(into: &text)
        return text
    }

    /// What stands beside the payload is kept with it, so it counts.
    @Test func aPushWeighsAsMuchAsItsFrame() {
        var state = Self.online()
        let more = String(repeating: "x", count: 9000)
        let text = ByteBuffer(string: #"{"type":"push","id":"p","channel":"all","data":1,"more":"\#(more)"}"#)
        let push = ServerFrame.Push(id: "p", channel: "all", payload: .json("1"))
        #expect(state.received(.text(text), Self.at(1)) == [.push(push, bytes: text.readableBytes)])
    }

    /// They would be remembered and written to the state file.
    @Test(arguments: [
        #"{"type":"push","id":"ID","channel":"all","data":1}"#, #"{"type":"command","id":"ID","name":"n","timeout":1}"#,
        #"{"type":"cancel","id":"ID"}"#,
    ])
    func aFrameWithAnEndlessIDIsReportedAndNotActedOn(text: String) {
        var state = Self.online()
        let text = ByteBuffer(string: text.replacing("ID", with: String(repeating: "x", count: 1 << 20)))
        let actions = state.received(.text(text), Self.at(1))
        guard actions.count == 1, case .event(.refused("invalid_frame", let message)) = actions[0] else {
            Issue.record("\(actions.count) actions")
            return
        }
        #expect(message == "the member 'id' is missing or not valid")
    }

    /// A machine that came online at second 0.
    static func online(_ hello: ServerFrame.Hello = hello(), random: Double = 0) -> AgentConnectionState {
        var state = AgentConnectionState(random: { random })
        #expect(state.start(start) == [.connect])
        #expect(state.opened(start) == [])
        #expect(state.upgraded() == [.greet])
        #expect(state.received(text(.hello(hello)), start) == [.event(.connected(hello)), .begin])
        return state
    }

    @Test func wholeLife() {
        let hello = Self.hello()
        var state = AgentConnectionState(random: { 0.5 })
        #expect(state.start(Self.start) == [.connect])
        #expect(state.wakeAt == Self.at(10))
        #expect(
            state.attemptFailed("refused", Self.at(1)) == [.event(.attemptFailed(reason: "refused", retryIn: 0.5))])
        #expect(state.wakeAt == Self.at(1.5))
        #expect(state.wake(Self.at(1.4)) == [])
        #expect(state.wake(Self.at(1.5)) == [.connect])
        #expect(state.opened(Self.at(2)) == [])
        #expect(state.upgraded() == [.greet])
        #expect(state.received(Self.text(.hello(hello)), Self.at(3)) == [.event(.connected(hello)), .begin])
        #expect(state.wakeAt == Self.at(38))
        let push = ServerFrame.Push(id: "p", channel: "all", payload: .json("1"))
        let bytes = Self.bytes(.push(push)).readableBytes
        #expect(state.received(Self.text(.push(push)), Self.at(4)) == [.push(push, bytes: bytes)])
        #expect(state.received(Self.text(.ack(ref: "m")), Self.at(4)) == [.acknowledged(ref: "m")])
        let command = ServerFrame.Command(id: "c", name: "n", payload: .json("1"), timeout: 3)
        #expect(state.received(Self.text(.command(command)), Self.at(4)) == [.command(command)])
        #expect(state.received(Self.text(.cancel(id: "c")), Self.at(4)) == [.cancel(id: "c")])
        #expect(
            state.received(Self.text(.error(code: "c", message: "m", ref: "r")), Self.at(4))
                == [.rejected(ref: "r", code: "c", message: "m")])
        #expect(
            state.received(Self.text(.error(code: "c", message: "m", ref: nil)), Self.at(4))
                == [.event(.refused(code: "c", message: "m"))])
        #expect(state.stop(Self.at(5)) == [.close(.normal, "")])
        // What was on its way when we closed still counts.
        #expect(state.received(Self.text(.push(push)), Self.at(5)) == [.push(push, bytes: bytes)])
        #expect(state.received(Self.text(.ping), Self.at(5)) == [])
        #expect(
            state.ended("", Self.at(5))
                == [.end(.normal), .event(.disconnected(code: .normal, reason: "", retryIn: nil)), .finish(nil)])
        #expect(state.wakeAt == nil)
        #expect(state.stop(Self.at(6)) == [])
        #expect(state.wake(Self.at(60)) == [])
    }

    @Test func silenceIsJudgedWhenTheDeadlinePasses() {
        var state = Self.online()
        state.traffic(Self.at(20))
        #expect(state.wake(Self.at(35)) == [])
        #expect(state.wakeAt == Self.at(55))
        let reason = "nothing heard for 35 s"
        #expect(
            state.wake(Self.at(55))
                == [.cut, .end(.abnormal), .event(.disconnected(code: .abnormal, reason: reason, retryIn: 0))])
        #expect(state.ended("late", Self.at(56)) == [])
    }

    @Test func aPausedLinkIsNotDeadAndShowsThatItLives() {
        var state = Self.online()
        state.paused(true, Self.at(10))
        #expect(state.wakeAt == Self.at(15))
        #expect(state.wake(Self.at(15)) == [.send(.pong)])
        #expect(state.wake(Self.at(20)) == [.send(.pong)])
        for second in stride(from: 25.0, through: 100, by: 5) { #expect(state.wake(Self.at(second)) == [.send(.pong)]) }
        state.paused(false, Self.at(101))
        #expect(state.wakeAt == Self.at(136))
    }

    @Test func aNodeWithoutHeartbeatIsNotWatched() {
        var state = Self.online(Self.hello(interval: 0))
        #expect(state.wakeAt == nil)
        state.paused(true, Self.at(1))
        #expect(state.wakeAt == nil)
    }

    @Test func tuningFromTheNodeIsBounded() {
        let wild = Self.hello(interval: 1e300, timeout: -1, minimum: -5, maximum: 1e300)
        var state = Self.online(wild, random: 0.999)
        #expect(state.wakeAt == Self.at(86_400))
        #expect(state.policy.minimum == 0.01)
        #expect(state.policy.maximum == 86_400)
        // `after=` is bounded, too, and so is `Retry-After`.
        #expect(state.received(.close(.rebalanced, "after=1e300"), Self.at(1)) == [.close(.rebalanced, "")])
        let end = state.ended("", Self.at(1))
        #expect(end.last == .event(.disconnected(code: .rebalanced, reason: "after=1e300", retryIn: 86_400)))
    }

    @Test func theFirstRetryAfterAHealthyLinkIsSpreadOver5Seconds() {
        var state = Self.online(random: 0.5)
        #expect(
            state.ended("cut", Self.at(100)).last
                == .event(.disconnected(code: .abnormal, reason: "cut", retryIn: 2.5)))
        // The back-off then doubles with every failed attempt.
        var now = 102.5
        for delay in [1.0, 2, 4, 8, 15, 15] {
            #expect(state.wake(Self.at(now)) == [.connect])
            #expect(state.attemptFailed("x", Self.at(now)) == [.event(.attemptFailed(reason: "x", retryIn: delay))])
            now += delay
        }
    }

    @Test func theCountStartsAnewAfter60StableSeconds() {
        var state = Self.online(random: 0.5)
        _ = state.ended("cut", Self.at(59))
        #expect(state.policy.failures == 1)
        _ = state.wake(Self.at(100))
        _ = state.opened(Self.at(100))
        _ = state.received(Self.text(.hello(Self.hello())), Self.at(100))
        #expect(
            state.ended("cut", Self.at(160)).last
                == .event(.disconnected(code: .abnormal, reason: "cut", retryIn: 2.5)))
    }

    @Test func aNodeThatClosesAtOnceAgainAndAgainMeetsTheBackOff() {
        var state = Self.online(random: 0.5)
        _ = state.received(.close(.noPong, ""), Self.at(1))
        #expect(state.ended("", Self.at(1)).last == .event(.disconnected(code: .noPong, reason: "", retryIn: 0)))
        #expect(state.wake(Self.at(1)) == [.connect])
        _ = state.opened(Self.at(1))
        _ = state.received(Self.text(.hello(Self.hello())), Self.at(1))
        _ = state.received(.close(.noPong, ""), Self.at(1))
        #expect(state.ended("", Self.at(1)).last == .event(.disconnected(code: .noPong, reason: "", retryIn: 1)))
    }

    @Test func anAgentThatIsSentOnWhileAClusterIsRolledMeetsNoBackOff() {
        var state = Self.online(random: 0.5)
        var now = 1.0
        for lifetime in [5.0, 20, 6] {
            now += lifetime
            _ = state.received(.close(.nodeDraining, ""), Self.at(now))
            #expect(
                state.ended("", Self.at(now)).last
                    == .event(.disconnected(code: .nodeDraining, reason: "", retryIn: 0)))
            _ = state.wake(Self.at(now))
            _ = state.opened(Self.at(now))
            _ = state.received(Self.text(.hello(Self.hello())), Self.at(now))
        }
    }

    @Test func goawayGivesTheMoment() {
        var state = Self.online(random: 0.9)
        #expect(
            state.received(Self.text(.goaway(reason: "drain", reconnectAfter: 7)), Self.at(1))
                == [.event(.goaway(reason: "drain", reconnectAfter: 7))])
        #expect(state.wakeAt == Self.at(8))
        #expect(state.wake(Self.at(8)) == [.close(.normal, "as told by goaway")])
        #expect(state.received(.close(.normal, ""), Self.at(8)) == [])
        #expect(
            state.ended("", Self.at(8)).last
                == .event(.disconnected(code: .normal, reason: "as told by goaway", retryIn: 0)))
    }

    @Test func goawayThenCloseWaitsForTheLaterOfBothMoments() {
        var state = Self.online(random: 0.9)
        _ = state.received(Self.text(.goaway(reason: "drain", reconnectAfter: 7)), Self.at(1))
        #expect(state.received(.close(.nodeDraining, "after=7"), Self.at(3)) == [.close(.nodeDraining, "")])
        #expect(
            state.ended("", Self.at(3)).last
                == .event(.disconnected(code: .nodeDraining, reason: "after=7", retryIn: 7)))
    }

    @Test func afterIsALowerBoundAndJittered() {
        var state = Self.online(random: 0.5)
        _ = state.received(.close(.rebalanced, "after=3"), Self.at(100))
        #expect(
            state.ended("", Self.at(100)).last
                == .event(.disconnected(code: .rebalanced, reason: "after=3", retryIn: 5.5)))
    }

    @Test func aPeerThatDoesNotEndTheConnectionIsCut() {
        var state = Self.online()
        #expect(state.received(.close(.goingAway, "bye"), Self.at(1)) == [.close(.goingAway, "")])
        #expect(state.wakeAt == Self.at(4))
        #expect(
            state.wake(Self.at(4))
                == [.cut, .end(.goingAway), .event(.disconnected(code: .goingAway, reason: "bye", retryIn: 0))])
    }

    @Test func stopEndsEveryPhase() {
        var idle = AgentConnectionState()
        #expect(idle.stop(Self.start) == [.finish(nil)])

        var connecting = AgentConnectionState()
        _ = connecting.start(Self.start)
        #expect(connecting.stop(Self.start) == [.cut, .finish(nil)])
        #expect(connecting.opened(Self.at(1)) == [.cut])
        #expect(connecting.attemptFailed("late", Self.at(1)) == [])

        var opening = AgentConnectionState()
        _ = opening.start(Self.start)
        _ = opening.opened(Self.start)
        #expect(opening.stop(Self.start) == [.close(.normal, "")])
        #expect(
            opening.ended("", Self.at(1))
                == [.event(.disconnected(code: .normal, reason: "", retryIn: nil)), .finish(nil)])

        var closing = Self.online()
        _ = closing.received(.close(.goingAway, "bye"), Self.at(1))
        #expect(closing.stop(Self.at(1)) == [])
        #expect(closing.ended("", Self.at(1)).last == .finish(nil))

        var waiting = Self.online(random: 0.5)
        _ = waiting.ended("cut", Self.at(1))
        #expect(waiting.stop(Self.at(1)) == [.finish(nil)])
        #expect(waiting.wake(Self.at(100)) == [])
    }

    @Test func saysWhereTheHistoriesStandBeforeAnythingElse() {
        var hello = Self.hello()
        hello.channels = ["all": .init(recovered: false, offset: "E:3-0")]
        var state = AgentConnectionState()
        _ = state.start(Self.start)
        _ = state.opened(Self.start)
        #expect(
            state.received(Self.text(.hello(hello)), Self.start)
                == [.event(.connected(hello)), .resumed(hello.channels), .begin])
    }

    @Test func saysWhatALaterHelloTellsOfTheHistories() {
        var state = Self.online()
        var hello = Self.hello()
        #expect(state.received(Self.text(.hello(hello)), Self.at(1)) == [])
        hello.channels = ["all": .init(recovered: false, offset: "E:3-0")]
        #expect(state.received(Self.text(.hello(hello)), Self.at(2)) == [.resumed(hello.channels)])
    }

    @Test func commandsBeforeHelloBreakTheProtocol() {
        for frame in [
            ServerFrame.cancel(id: "c"),
            .command(ServerFrame.Command(id: "c", name: "n", payload: .json("1"), timeout: 3)),
        ] {
            var state = AgentConnectionState()
            _ = state.start(Self.start)
            _ = state.opened(Self.start)
            #expect(
                state.received(Self.text(frame), Self.start)
                    == [.close(.protocolError, "hello must be the first frame")])
        }
    }

    @Test func aFailureEndsEveryPhase() {
        let error = AgentError.stateFile("full")
        var online = Self.online()
        let lost = AgentEvent.disconnected(code: .abnormal, reason: "full", retryIn: nil)
        #expect(online.fail(error, Self.at(1)) == [.cut, .end(.abnormal), .event(lost), .finish(error)])
        #expect(online.fail(error, Self.at(2)) == [])
        var waiting = Self.online()
        _ = waiting.ended("cut", Self.at(1))
        #expect(waiting.fail(error, Self.at(1)) == [.cut, .finish(error)])
        #expect(waiting.wake(Self.at(100)) == [])
    }

    @Test func refusalsStopOrBackOff() {
        for status in [400, 401, 403] {
            var state = AgentConnectionState()
            _ = state.start(Self.start)
            let actions = state.refused(Refusal(status: status, code: "x", message: "no"), Self.at(1))
            #expect(actions.last == .finish(.refused(status: status, code: "x", message: "no")))
        }
        var state = AgentConnectionState(random: { 0.5 })
        _ = state.start(Self.start)
        let actions = state.refused(Refusal(status: 503, retryAfter: 20, message: "busy"), Self.at(1))
        #expect(actions == [.event(.attemptFailed(reason: "busy (503)", retryIn: 20.5))])
        #expect(state.wakeAt == Self.at(21.5))
    }
}
