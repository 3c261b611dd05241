import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Ends a program on request, and never another that got its number afterwards: it signals and reaps under one lock.
final class ProgramKiller: Sendable {
    private enum State {
        case starting
        /// It was to end before it began.
        case unwanted(patience: Double)
        case running(SpawnedProgram)
        case over
    }

    private let state = Mutex(State.starting)

    /// The program has started.
    func watch(_ program: SpawnedProgram) {
        let patience: Double? = state.withLock { state in
            defer { state = .running(program) }
            if case .unwanted(let patience) = state { return patience }
            return nil
        }
        if let patience { end(after: patience) }
    }

    /// SIGTERM now, SIGKILL after so many seconds.
    func end(after patience: Double) {
        let isRunning = state.withLock { state in
            switch state {
            case .starting:
                state = .unwanted(patience: patience)
                return false
            case .running(let program):
                program.signal(SIGTERM)
                return true
            case .unwanted, .over: return false
            }
        }
        guard isRunning else { return }
        MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: .seconds(patience)) {
            self.state.withLock { state in
                if case .running(let program) = state { program.signal(SIGKILL) }
            }
        }
    }

    /// Waits for the program's end.
    func reap(_ program: SpawnedProgram) throws(ProgramRunner.StartError) -> ProgramRunner.Exit {
        program.waitWithoutReaping()
        state.withLock { $0 = .over }
        return try program.wait()
    }
}
