// swift-tools-version: 6.2
import PackageDescription

// The folders are the architecture: System below Storage below Platform below Interface.
// A target may depend on targets of its own storey or of those below, never above.

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let system: [Target] = [
  .target(name: "CLinux", path: "Sources/System/CLinux"),
  .systemLibrary(
    name: "CFuse3", path: "Sources/System/CFuse3", pkgConfig: "fuse3", providers: [.apt(["libfuse3-dev"])]),
  .systemLibrary(name: "CLZ4", path: "Sources/System/CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
  .systemLibrary(
    name: "CSQLite", path: "Sources/System/CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
  .systemLibrary(
    name: "CCrypto", path: "Sources/System/CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
  .target(name: "Linux", dependencies: ["CLinux"], path: "Sources/System/Linux", swiftSettings: settings),
  .target(name: "Wire", path: "Sources/System/Wire", swiftSettings: settings),
  .target(
    name: "UnixHTTP", dependencies: ["Linux", "Wire"], path: "Sources/System/UnixHTTP", swiftSettings: settings),
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
  .target(
    name: "StorageAPI", dependencies: ["UnixHTTP", "Wire"], path: "Sources/Storage/StorageAPI",
    swiftSettings: settings),
]

let interface: [Target] = [
  .target(name: "Workspace", dependencies: ["Chunks", "Linux"], path: "Sources/Interface/Workspace", swiftSettings: settings)
]

let tests: [Target] = [
  .testTarget(
    name: "WorkspaceTests", dependencies: ["Workspace"], path: "Tests/Interface/WorkspaceTests", swiftSettings: settings),
  .testTarget(name: "ChunksTests", dependencies: ["Chunks"], path: "Tests/Storage/ChunksTests", swiftSettings: settings),
  .testTarget(
    name: "FileSystemTests", dependencies: ["FileSystem"], path: "Tests/Storage/FileSystemTests",
    swiftSettings: settings),
]

let package = Package(
  name: "cairn",
  targets: system + storage + interface + tests
)
