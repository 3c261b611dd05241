import Testing

/// Everything that needs a real `redis-server`, one test at a time: several measure how soon something happens.
@Suite(
    .serialized, .enabled(if: RedisServer.path != nil, "redis-server is not installed"), .timeLimit(.minutes(2)))
enum RealRedis {}
