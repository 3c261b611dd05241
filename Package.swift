// swift-tools-version: 6.2

import PackageDescription

var settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
// For those who work on the package; a newer compiler's warnings must not break its users.
if Context.environment["SWITCHBOARD_STRICT"] != nil { settings.append(.treatAllWarnings(as: .error)) }
// The fuzzers have a build of their own, by Tests/Fuzz/run: our code is instrumented, what we depend on is not.
let libFuzzer = Context.environment["SWITCHBOARD_LIBFUZZER"]
// The fuzzers themselves neither: what they compare with is not what has to be covered.
let plainSettings = settings
if libFuzzer != nil {
    settings.append(
        .unsafeFlags([
            "-sanitize=fuzzer", "-assert-config", "Debug", "-enforce-exclusivity=checked", "-enable-testing",
        ]))
}

// Read top down: a target may depend only on targets below it.
let package = Package(
    name: "switchboard",
    products: [
        .executable(name: "switchboard", targets: ["SwitchboardCommand"]),
        .library(name: "SwitchboardAgent", targets: ["SwitchboardAgent"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        .executableTarget(
            name: "SwitchboardCommand",
            dependencies: [
                "SwitchboardServer",
                "SwitchboardAgent",
                "SwitchboardTLS",
                "SwitchboardWebSocket",
                "SwitchboardCore",
                "SwitchboardProtocol",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "SwitchboardServer",
            dependencies: [
                "CZlib",
                "SwitchboardRedis",
                "SwitchboardTLS",
                "SwitchboardWebSocket",
                "SwitchboardCore",
                "SwitchboardProtocol",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Instrumentation", package: "swift-distributed-tracing"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ],
            resources: [
                .embedInCode("API/openapi.yaml"), .embedInCode("API/switchboard.js"), .embedInCode("Console/Pages"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "SwitchboardAgent",
            dependencies: [
                "CTerminal",
                "SwitchboardTLS",
                "SwitchboardWebSocket",
                "SwitchboardProtocol",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "SwitchboardRedis",
            dependencies: [
                "CHiredis",
                "SwitchboardTLS",
                "SwitchboardCore",
                "SwitchboardProtocol",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            resources: [.embedInCode("Scripts/Lua")],
            swiftSettings: settings
        ),
        .target(
            name: "SwitchboardTLS",
            dependencies: [.product(name: "NIOSSL", package: "swift-nio-ssl")],
            swiftSettings: settings
        ),
        .target(
            name: "SwitchboardWebSocket",
            dependencies: [
                "CZlib",
                "SwitchboardProtocol",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "SwitchboardCore",
            dependencies: [
                "SwitchboardProtocol",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "SwitchboardProtocol",
            dependencies: [.product(name: "NIOCore", package: "swift-nio")],
            swiftSettings: settings
        ),
        .systemLibrary(name: "CHiredis"),
        .systemLibrary(name: "CTerminal"),
        .systemLibrary(name: "CZlib"),
        .testTarget(
            name: "SwitchboardProtocolTests",
            dependencies: ["SwitchboardProtocol", .product(name: "NIOCore", package: "swift-nio")],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SwitchboardCoreTests",
            dependencies: [
                "BusContract", "SwitchboardCore", "SwitchboardProtocol",
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SwitchboardWebSocketTests",
            dependencies: [
                "SwitchboardProtocol",
                "SwitchboardWebSocket",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SwitchboardRedisTests",
            dependencies: [
                "BusContract",
                "CHiredis",
                "SwitchboardCore",
                "SwitchboardProtocol",
                "SwitchboardRedis",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SwitchboardAgentTests",
            dependencies: [
                "SwitchboardAgent",
                "SwitchboardProtocol",
                "SwitchboardWebSocket",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SwitchboardServerTests",
            dependencies: [
                "SwitchboardCore",
                "SwitchboardProtocol",
                "SwitchboardRedis",
                "SwitchboardServer",
                "SwitchboardWebSocket",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Instrumentation", package: "swift-distributed-tracing"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "Integration",
            dependencies: [
                "BusContract",
                "SwitchboardCommand",
                "SwitchboardAgent",
                "SwitchboardCore",
                "SwitchboardProtocol",
                "SwitchboardRedis",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "switchboard-conformance-agent",
            dependencies: [
                "SwitchboardAgent",
                "SwitchboardProtocol",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Tests/Conformance/adapters/swift",
            swiftSettings: settings
        ),
        .target(
            name: "BusContract",
            dependencies: ["SwitchboardCore", "SwitchboardProtocol", .product(name: "NIOCore", package: "swift-nio")],
            path: "Tests/BusContract",
            swiftSettings: settings
        ),
    ],
    swiftLanguageModes: [.v6]
)

if let libFuzzer {
    // Of these only what is fuzzed is built: the rest would need many more packages, and many more minutes.
    package.narrow(
        "SwitchboardRedis", to: ["RESP"], without: ["Scripts"],
        ["CHiredis", .product(name: "NIOCore", package: "swift-nio")])
    package.narrow(
        "SwitchboardServer",
        to: [
            "API/LineSplitter.swift", "API/Problem.swift", "API/PushDocument.swift", "API/PushOptionsReader.swift",
            "API/PushRequest.swift", "API/RequestID.swift", "Auth/Access/GroupPattern.swift",
            "Auth/Access/OriginPolicy.swift", "Auth/Access/Principal.swift", "Auth/Access/Refusal.swift",
            "Auth/Access/Scopes.swift", "Auth/Keys/APIKey.swift", "Auth/Tokens/TokenAlgorithm.swift",
            "Auth/Tokens/TokenClaims.swift", "Auth/Tokens/TokenKey.swift", "Auth/Tokens/TokenKeySet.swift",
            "Auth/Tokens/TokenText.swift", "Auth/Tokens/TokenVerifier.swift", "Channel/PushRequestFields.swift",
            "Channel/PushRequestParser.swift", "Channel/RequestHead.swift", "Channel/URLQuery.swift",
            "Delivery/Fingerprint.swift", "Delivery/PushOrder.swift", "Limits/Limit.swift",
            "Tracing/W3CInstrument.swift",
        ],
        without: ["API/openapi.yaml", "API/switchboard.js", "Console/Pages"],
        [
            "SwitchboardCore",
            "SwitchboardProtocol",
            .product(name: "Crypto", package: "swift-crypto"),
            .product(name: "Instrumentation", package: "swift-distributed-tracing"),
            .product(name: "JWTKit", package: "jwt-kit"),
            .product(name: "NIOCore", package: "swift-nio"),
        ])
    package.targets += [
        .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzz/CLibFuzzer"),
        .executableTarget(
            name: "switchboard-fuzz",
            dependencies: [
                "CLibFuzzer",
                "CZlib",
                "SwitchboardServer",
                "SwitchboardRedis",
                "SwitchboardWebSocket",
                "SwitchboardCore",
                "SwitchboardProtocol",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            path: "Tests/Fuzz/Sources",
            swiftSettings: plainSettings,
            linkerSettings: [.unsafeFlags([libFuzzer]), .linkedLibrary("stdc++")]
        ),
    ]
}

extension Package {
    func narrow(_ name: String, to sources: [String], without others: [String], _ dependencies: [Target.Dependency]) {
        for target in targets where target.name == name {
            target.sources = sources
            target.exclude = others
            target.resources = nil
            target.dependencies = dependencies
        }
    }
}
