// swift-tools-version: 6.2
import PackageDescription

/// The settings of every target; a target that needs less gives the reason next to it.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")

let package = Package(
    name: "tidemark",
    products: [
        .library(name: "Tidemark", targets: ["Tidemark"]),
        .executable(name: "tidemark", targets: ["TidemarkCLI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        // Without its traits: no configuration library, and not all of Foundation.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // Without its Foundation trait: the engine passes bytes and strings only.
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    ],
    targets: [
        .systemLibrary(name: "CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),

        // From here on an import only points to a target further up this list.
        .target(name: "Postgres", dependencies: ["CLibpq"], swiftSettings: strict),
        .target(
            name: "Catalog",
            dependencies: ["Postgres"],
            resources: [.embedInCode("Queries")],
            swiftSettings: strict
        ),
        .target(
            name: "Planning",
            dependencies: ["Catalog", "Postgres", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: strict
        ),
        .target(
            name: "Ledger",
            dependencies: ["Planning", "Catalog", "Postgres"],
            resources: [.embedInCode("Schema")],
            swiftSettings: strict
        ),
        .target(
            name: "Archive",
            dependencies: [
                "Planning", "Catalog", "Postgres", "CZstd",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Transfer",
            dependencies: ["Archive", "Ledger", "Planning", "Catalog", "Postgres"],
            swiftSettings: strict
        ),
        .target(
            name: "Rebuild",
            dependencies: [
                "Ledger", "Planning", "Catalog", "Postgres", subprocess,
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Verification",
            dependencies: ["Archive", "Ledger", "Planning", "Catalog", "Postgres"],
            swiftSettings: strict
        ),
        .target(
            name: "Report",
            dependencies: [
                "Verification", "Ledger", "Planning", "Catalog", "Postgres",
                .product(name: "Mustache", package: "swift-mustache"),
            ],
            resources: [.embedInCode("Templates")],
            swiftSettings: strict
        ),
        .target(
            name: "Tidemark",
            dependencies: [
                "Report", "Verification", "Rebuild", "Transfer", "Archive", "Ledger", "Planning", "Catalog", "Postgres",
                "CZstd",
            ],
            swiftSettings: strict
        ),
        // Not called `tidemark`: two modules whose names differ only in case
        // would share a folder on a case-insensitive disk. The product is `tidemark`.
        .executableTarget(
            name: "TidemarkCLI",
            dependencies: [
                "Tidemark", "Report", "Planning", "Postgres", logging, subprocess,
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                // Only its server: the router needs libraries for traces and metrics.
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ],
            resources: [.embedInCode("Serving/Page")],
            swiftSettings: strict
        ),

        // A program that uses the library like any other: its own package is in that folder.
        .executableTarget(
            name: "Embedding",
            dependencies: ["Tidemark"],
            path: "docs/examples/embedding/Sources/Embedding",
            swiftSettings: strict
        ),

        // What tests share: two real servers, a pair of databases per test, the built command. In no product.
        .target(
            name: "TestSupport",
            dependencies: [
                "Tidemark", "Ledger", "Planning", "Catalog", "Postgres", "Report", subprocess,
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Tests/TestSupport",
            swiftSettings: strict
        ),
        .testTarget(
            name: "UnitTests",
            dependencies: [
                "TestSupport", "TidemarkCLI", "Tidemark", "Report", "Verification", "Rebuild", "Ledger", "Planning",
                "Catalog", "Postgres", .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Yams", package: "Yams"),
            ],
            exclude: ["Golden"],
            swiftSettings: strict
        ),
        .testTarget(name: "PostgresTests", dependencies: ["TestSupport", "Postgres"], swiftSettings: strict),
        .testTarget(
            name: "PlanningTests",
            dependencies: ["TestSupport", "Tidemark", "Report", "Planning", "Catalog", "Postgres"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ArchiveTests",
            dependencies: [
                "TestSupport", "Tidemark", "Archive", "Report", "Verification", "Ledger", "Planning", "Catalog",
                "Postgres",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ProofTests",
            dependencies: [
                "TestSupport", "Tidemark", "Report", "Verification", "Planning", "Catalog", "Postgres",
            ],
            exclude: ["Planted"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "RebuildTests",
            dependencies: [
                "TestSupport", "Tidemark", "Report", "Verification", "Rebuild", "Ledger", "Planning", "Catalog",
                "Postgres",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "MigrationTests",
            dependencies: [
                "TestSupport", "Tidemark", "Report", "Verification", "Rebuild", "Transfer", "Ledger", "Planning",
                "Catalog", "Postgres",
            ],
            exclude: ["Applications", "Extension"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "CommandLineTests",
            dependencies: ["TestSupport", "TidemarkCLI", "Embedding", "Ledger", "Postgres"],
            exclude: ["Scenarios"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "FaultTests",
            dependencies: ["TestSupport", "Tidemark", "Report", "Planning", "Postgres"],
            exclude: ["Scenarios"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ScenarioTests",
            dependencies: ["TestSupport", "Tidemark", "Report", "Planning", "Postgres"],
            exclude: ["Scenarios"],
            swiftSettings: strict
        ),
        .testTarget(name: "TidyTests", swiftSettings: strict),
    ]
)

// Only on request, so that a normal build does not fetch and build a benchmark package.
if Context.environment["TIDEMARK_BENCHMARKS"] != nil {
    package.dependencies.append(.package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []))
    package.targets.append(
        .executableTarget(
            name: "Parts",
            dependencies: [
                "Archive", "Planning", "Postgres", .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/Parts",
            swiftSettings: strict,
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        )
    )
}

// Only on request: all of it is built with libFuzzer's instrumentation (scripts/fuzz-parsers).
if Context.environment["TIDEMARK_FUZZERS"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzzers",
            dependencies: ["Archive", "Postgres"],
            path: "Tests/Fuzzers",
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]
        )
    )
}
