// swift-tools-version: 6.2
import PackageDescription

// A program that migrates with the library. In a program of your own, give the repository's address instead of the path:
// .package(url: "https://…/tidemark", from: "0.1.0")
let package = Package(
    name: "embedding",
    dependencies: [.package(name: "tidemark", path: "../../..")],
    targets: [
        .executableTarget(
            name: "Embedding",
            dependencies: [.product(name: "Tidemark", package: "tidemark")],
            swiftSettings: [.swiftLanguageMode(.v6)]
        )
    ]
)
