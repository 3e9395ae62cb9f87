// swift-tools-version: 6.2
import PackageDescription

// The folders are the architecture: System below Storage below Platform below Interface.
// A target may depend on targets of its own storey or of those below, never above.

// CI sets the variable. The setting reaches our own targets only: a dependency may warn.
let warningsAreErrors = Context.environment["CAIRN_WARNINGS_AS_ERRORS"] != nil

let settings: [SwiftSetting] =
  [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ] + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])
let cSettings: [CSetting] = warningsAreErrors ? [.treatAllWarnings(as: .error)] : []

let system: [Target] = [
  .target(name: "CLinux", path: "Sources/System/CLinux", cSettings: cSettings),
  .systemLibrary(
    name: "CFuse3", path: "Sources/System/CFuse3", pkgConfig: "fuse3", providers: [.apt(["libfuse3-dev"])]),
  .systemLibrary(name: "CLZ4", path: "Sources/System/CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
  .systemLibrary(
    name: "CSQLite", path: "Sources/System/CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
  .systemLibrary(
    name: "CCrypto", path: "Sources/System/CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
  .target(name: "Linux", dependencies: ["CLinux"], path: "Sources/System/Linux", swiftSettings: settings),
]

let storage: [Target] = [
  .target(
    name: "Chunks", dependencies: ["Linux", "CLinux", "CLZ4", "CCrypto"], path: "Sources/Storage/Chunks",
    swiftSettings: settings),
  .target(
    name: "Catalog", dependencies: ["Chunks", "Linux", "CSQLite"], path: "Sources/Storage/Catalog",
    swiftSettings: settings),
  .target(
    name: "FileSystem", dependencies: ["Catalog", "Chunks", "Linux"], path: "Sources/Storage/FileSystem",
    swiftSettings: settings),
]

let tests: [Target] = [
  .testTarget(
    name: "ChunksTests", dependencies: ["Chunks"], path: "Tests/Storage/ChunksTests", swiftSettings: settings),
  .testTarget(
    name: "FileSystemTests", dependencies: ["FileSystem"], path: "Tests/Storage/FileSystemTests",
    swiftSettings: settings),
]

let benchmarks: [Target] = [
  .executableTarget(
    name: "cairn-bench", path: "Benchmarks/CairnBench", swiftSettings: settings)
]

let package = Package(
  name: "cairn",
  targets: system + storage + benchmarks + tests
)
