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
  .target(name: "CFuseShim", path: "Sources/System/CFuseShim", cSettings: cSettings),
  .target(name: "Linux", dependencies: ["CLinux"], path: "Sources/System/Linux", swiftSettings: settings),
  .target(name: "Wire", path: "Sources/System/Wire", swiftSettings: settings),
  .target(name: "Sockets", dependencies: ["Linux"], path: "Sources/System/Sockets", swiftSettings: settings),
  .target(
    name: "UnixHTTP", dependencies: ["Linux", "Sockets", "Wire"], path: "Sources/System/UnixHTTP",
    swiftSettings: settings),
  .target(
    name: "HTTPService",
    dependencies: ["CLinux", "Linux", "Sockets", "Wire", .product(name: "Logging", package: "swift-log")],
    path: "Sources/System/HTTPService", swiftSettings: settings),
  .target(
    name: "HTTPForwarding", dependencies: ["HTTPService", "UnixHTTP", "Wire"], path: "Sources/System/HTTPForwarding",
    swiftSettings: settings),
  .target(
    name: "Daemon", dependencies: ["CLinux", "Linux", .product(name: "Logging", package: "swift-log")],
    path: "Sources/System/Daemon", swiftSettings: settings),
  .target(
    name: "Configuration", dependencies: ["Yams"], path: "Sources/System/Configuration", swiftSettings: settings),
]

let storage: [Target] = [
  .target(
    name: "Chunks", dependencies: ["Linux", "CLinux", "CLZ4", "CCrypto"], path: "Sources/Storage/Chunks",
    swiftSettings: settings),
  .target(
    name: "Catalog", dependencies: ["Chunks", "Linux", "CSQLite"], path: "Sources/Storage/Catalog",
    swiftSettings: settings),
  .target(
    name: "Journal", dependencies: ["Catalog", "Chunks", "Linux"], path: "Sources/Storage/Journal",
    swiftSettings: settings),
  .target(
    name: "FileSystem", dependencies: ["Catalog", "Chunks", "Journal", "Linux"], path: "Sources/Storage/FileSystem",
    swiftSettings: settings),
  .target(
    name: "StorageAPI", dependencies: ["UnixHTTP", "Wire"], path: "Sources/Storage/StorageAPI",
    swiftSettings: settings),
  .target(
    name: "Fuse", dependencies: ["FileSystem", "Catalog", "Linux", "CLinux", "CFuse3", "CFuseShim"],
    path: "Sources/Storage/Fuse", swiftSettings: settings),
  .target(
    name: "StorageService",
    dependencies: [
      "Catalog", "Chunks", "FileSystem", "HTTPService", "Linux", "StorageAPI", "Wire",
      .product(name: "Logging", package: "swift-log"),
    ], path: "Sources/Storage/StorageService", swiftSettings: settings),
  .executableTarget(
    name: "cairnfsd",
    dependencies: [
      "CLinux", "Catalog", "Configuration", "Daemon", "FileSystem", "Fuse", "HTTPService", "Linux", "StorageService",
      "Wire",
      .product(name: "ArgumentParser", package: "swift-argument-parser"),
      .product(name: "Logging", package: "swift-log"),
    ], path: "Sources/Storage/cairnfsd", swiftSettings: settings),
]

let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let platform: [Target] = [
  .target(name: "JobStates", path: "Sources/Platform/JobStates", swiftSettings: settings),
  .target(name: "Scheduler", dependencies: ["JobStates"], path: "Sources/Platform/Scheduler", swiftSettings: settings),
  .target(name: "NotebookStates", path: "Sources/Platform/NotebookStates", swiftSettings: settings),
  .target(name: "Records", dependencies: ["Linux", grdb], path: "Sources/Platform/Records", swiftSettings: settings),
  .target(
    name: "ModelFormats", dependencies: ["CCrypto", "CLinux", "Linux", "Yams"], path: "Sources/Platform/ModelFormats",
    swiftSettings: settings),
  .target(
    name: "Tracker", dependencies: ["Linux", "Records", "Wire", grdb, logging], path: "Sources/Platform/Tracker",
    swiftSettings: settings),
  .target(
    name: "ModelRepository",
    dependencies: ["Linux", "ModelFormats", "Records", "Tracker", "Wire", grdb, logging],
    path: "Sources/Platform/ModelRepository", swiftSettings: settings),
  .target(
    name: "Webhooks",
    dependencies: [
      "CCrypto", "Linux", "ModelRepository", "Records", "Secrets", "Tracker", grdb, logging, subprocess,
      .product(name: "SystemPackage", package: "swift-system"),
    ], path: "Sources/Platform/Webhooks", swiftSettings: settings),
  .target(
    name: "ControlDatabase", dependencies: ["JobStates", "Linux", "NotebookStates", "Records", "Scheduler", grdb],
    path: "Sources/Platform/ControlDatabase",
    swiftSettings: settings),
  .target(
    name: "Containers",
    dependencies: [
      "CLZ4", "JobStates", "Linux", "CLinux", subprocess, logging,
      .product(name: "SystemPackage", package: "swift-system"),
    ], path: "Sources/Platform/Containers", swiftSettings: settings),
  .target(
    name: "GPUs", dependencies: ["Containers", "Linux", "Yams"], path: "Sources/Platform/GPUs",
    swiftSettings: settings),
  .target(
    name: "Jobs",
    dependencies: [
      "JobStates", "ControlDatabase", "CLinux", "Containers", "GPUs", "Linux", "Scheduler", "Secrets", logging,
    ],
    path: "Sources/Platform/Jobs", swiftSettings: settings),
  .target(
    name: "TensorBoard", dependencies: ["Linux"], path: "Sources/Platform/TensorBoard", swiftSettings: settings),
  .target(
    name: "Tokens", dependencies: ["Chunks", "ControlDatabase", "Linux"], path: "Sources/Platform/Tokens",
    swiftSettings: settings),
  .target(
    name: "Secrets", dependencies: ["CCrypto", "ControlDatabase", "Linux"], path: "Sources/Platform/Secrets",
    swiftSettings: settings),
  .target(name: "DeploymentStates", path: "Sources/Platform/DeploymentStates", swiftSettings: settings),
  .target(
    name: "Deployments",
    dependencies: [
      "CCrypto", "CLinux", "Chunks", "Containers", "ControlDatabase", "DeploymentStates", "Linux", "Records", "Sockets",
      grdb, logging,
    ], path: "Sources/Platform/Deployments", swiftSettings: settings),
  .target(
    name: "ExperimentFiles", dependencies: ["JobStates", "Searchers", "Yams"], path: "Sources/Platform/ExperimentFiles",
    swiftSettings: settings),
  .target(name: "ExperimentStates", path: "Sources/Platform/ExperimentStates", swiftSettings: settings),
  .target(
    name: "Experiments",
    dependencies: [
      "Containers", "ControlDatabase", "Daemon", "ExperimentFiles", "ExperimentStates", "JobStates", "Jobs", "Linux",
      "Records", "Searchers", "Tracker", grdb, logging,
    ], path: "Sources/Platform/Experiments", resources: [.embedInCode("suggest.py")], swiftSettings: settings),
  .target(name: "Searchers", path: "Sources/Platform/Searchers", swiftSettings: settings),
  .target(
    name: "Notebooks",
    dependencies: [
      "CCrypto", "Containers", "ControlDatabase", "JobStates", "Jobs", "Linux", "NotebookStates", "UnixHTTP",
      "Wire", logging,
    ], path: "Sources/Platform/Notebooks",
    resources: [.embedInCode("start_jupyter.py"), .embedInCode("start_tensorboard.py")], swiftSettings: settings),
  .target(
    name: "Projects", dependencies: ["ControlDatabase", "Scheduler"], path: "Sources/Platform/Projects",
    swiftSettings: settings),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let interface: [Target] = [
  .target(
    name: "Workspace", dependencies: ["Chunks", "JobStates", "Linux"], path: "Sources/Interface/Workspace",
    swiftSettings: settings),
  .target(
    name: "API",
    dependencies: [
      "DeploymentStates", "ExperimentStates", "JobStates", "ModelFormats", "NotebookStates", "Searchers", "StorageAPI",
      "UnixHTTP", "Wire",
    ],
    path: "Sources/Interface/API",
    swiftSettings: settings),
  .target(
    name: "HostChecks", dependencies: ["API", "Containers", "Linux"], path: "Sources/Interface/HostChecks",
    swiftSettings: settings),
  .target(
    name: "ArtifactFiles", dependencies: ["API", "CLinux", "Linux", "Wire"], path: "Sources/Interface/ArtifactFiles",
    swiftSettings: settings),
  .target(
    name: "MLflowAPI",
    dependencies: [
      "API", "ArtifactFiles", "ControlDatabase", "HTTPService", "Linux", "ModelRepository", "StorageAPI", "Tracker",
      "UnixHTTP", "Webhooks", "Wire",
    ], path: "Sources/Interface/MLflowAPI", swiftSettings: settings),
  .target(
    name: "WebPage", dependencies: ["HTTPService"], path: "Sources/Interface/WebPage",
    resources: [.embedInCode("page.html")], swiftSettings: settings),
  .target(
    name: "ControlAPI",
    dependencies: [
      "API", "ArtifactFiles", "CLinux", "Configuration", "Containers", "ControlDatabase", "DeploymentStates",
      "Deployments", "ExperimentFiles", "ExperimentStates", "Experiments", "GPUs", "HTTPForwarding", "HTTPService",
      "HostChecks", "JobStates", "Jobs", "Linux", "MLflowAPI", "ModelFormats", "ModelRepository", "Notebooks",
      "Projects", "Scheduler", "Searchers", "Secrets", "StorageAPI", "Tokens", "Tracker", "UnixHTTP", "WebPage", "Wire",
    ], path: "Sources/Interface/ControlAPI", swiftSettings: settings),
  .executableTarget(
    name: "cairnd",
    dependencies: [
      "API", "ArtifactFiles", "CLinux", "Configuration", "Containers", "ControlAPI", "ControlDatabase", "Daemon",
      "Deployments", "Experiments", "GPUs", "HTTPService", "JobStates", "Jobs", "Linux", "MLflowAPI",
      "ModelRepository", "Notebooks",
      "Projects", "Secrets", "StorageAPI", "TensorBoard", "Tokens",
      "Tracker", "UnixHTTP", "Webhooks", "Wire", argumentParser, logging,
    ], path: "Sources/Interface/cairnd", swiftSettings: settings),
  .executableTarget(
    name: "cairn",
    dependencies: [
      "API", "CLinux", "Chunks", "Configuration", "Containers", "Daemon", "DeploymentStates", "ExperimentFiles",
      "ExperimentStates", "HostChecks", "JobStates", "Linux", "ModelFormats", "NotebookStates", "Searchers",
      "StorageAPI", "UnixHTTP", "Wire", "Workspace", argumentParser,
    ], path: "Sources/Interface/cairn", swiftSettings: settings),
]

let tests: [Target] = [
  .testTarget(
    name: "WorkspaceTests", dependencies: ["JobStates", "TestSupport", "Workspace"],
    path: "Tests/Interface/WorkspaceTests", swiftSettings: settings
  ),
  .target(name: "TestSupport", dependencies: ["CSQLite", "Linux"], path: "Tests/TestSupport", swiftSettings: settings),
  .testTarget(
    name: "APITests", dependencies: ["API", "ExperimentStates", "JobStates", "Searchers", "StorageAPI", "Wire"],
    path: "Tests/Interface/APITests",
    swiftSettings: settings),
  .testTarget(
    name: "ArtifactFilesTests", dependencies: ["API", "ArtifactFiles", "CLinux", "Linux", "TestSupport", "Wire"],
    path: "Tests/Interface/ArtifactFilesTests", swiftSettings: settings),
  .testTarget(
    name: "MLflowAPITests", dependencies: ["HTTPService", "MLflowAPI", "Tracker", "Wire"],
    path: "Tests/Interface/MLflowAPITests", swiftSettings: settings),
  .testTarget(
    name: "ControlAPITests",
    dependencies: ["API", "CLinux", "ControlAPI", "HTTPService", "Linux", "TestSupport", "Wire"],
    path: "Tests/Interface/ControlAPITests", swiftSettings: settings),
  .testTarget(
    name: "CairnTests", dependencies: ["API", "Linux", "TestSupport", "UnixHTTP", "Wire", "cairn", argumentParser],
    path: "Tests/Interface/CairnTests", swiftSettings: settings),
  .testTarget(
    name: "ChunksTests", dependencies: ["Chunks", "Linux", "TestSupport"], path: "Tests/Storage/ChunksTests",
    swiftSettings: settings),
  .testTarget(
    name: "UnixHTTPTests", dependencies: ["UnixHTTP", "Linux", "Wire"], path: "Tests/System/UnixHTTPTests",
    swiftSettings: settings),
  .testTarget(
    name: "HTTPServiceTests",
    dependencies: ["HTTPService", "UnixHTTP", "Linux", "Wire", .product(name: "Logging", package: "swift-log")],
    path: "Tests/System/HTTPServiceTests", swiftSettings: settings),
  .testTarget(
    name: "HTTPForwardingTests",
    dependencies: [
      "HTTPForwarding", "HTTPService", "Linux", "Sockets", "UnixHTTP", "Wire",
      .product(name: "Logging", package: "swift-log"),
    ], path: "Tests/System/HTTPForwardingTests", swiftSettings: settings),
  .testTarget(
    name: "WireTests", dependencies: ["TestSupport", "Wire"], path: "Tests/System/WireTests", swiftSettings: settings),
  .testTarget(
    name: "ConfigurationTests", dependencies: ["Configuration"], path: "Tests/System/ConfigurationTests",
    swiftSettings: settings),
  .testTarget(
    name: "StorageServiceTests",
    dependencies: [
      "Catalog", "Chunks", "FileSystem", "HTTPService", "Linux", "StorageAPI", "StorageService", "TestSupport",
      "UnixHTTP", "Wire", .product(name: "Logging", package: "swift-log"),
    ], path: "Tests/Storage/StorageServiceTests", swiftSettings: settings),
  .testTarget(
    name: "CatalogTests", dependencies: ["Catalog", "Chunks", "Linux", "TestSupport"],
    path: "Tests/Storage/CatalogTests", swiftSettings: settings),
  .target(name: "MountCalls", path: "Tests/Integration/MountCalls"),
  .executableTarget(
    name: "mount-server", dependencies: ["Catalog", "FileSystem", "Fuse", "Linux", "CLinux"],
    path: "Tests/Integration/MountServer",
    swiftSettings: settings),
  .testTarget(
    name: "MountTests",
    dependencies: ["Catalog", "FileSystem", "Fuse", "Linux", "CLinux", "MountCalls", "TestSupport", "mount-server"],
    path: "Tests/Integration/MountTests", swiftSettings: settings),
  .testTarget(
    name: "JournalTests", dependencies: ["Catalog", "Journal", "Linux", "TestSupport"],
    path: "Tests/Storage/JournalTests", swiftSettings: settings),
  .testTarget(
    name: "FileSystemTests",
    dependencies: ["CSQLite", "Catalog", "Chunks", "FileSystem", "Journal", "Linux", "TestSupport"],
    path: "Tests/Storage/FileSystemTests",
    swiftSettings: settings),
  .executableTarget(
    name: "log-disk", dependencies: ["CFuse3"], path: "Tests/Integration/LogDisk", swiftSettings: settings),
  .testTarget(
    name: "FuseTests",
    dependencies: ["CFuse3", "CFuseShim", "Catalog", "FileSystem", "Fuse", "Linux", "TestSupport"],
    path: "Tests/Storage/FuseTests", swiftSettings: settings),
  .testTarget(
    name: "StorageDaemonTests",
    dependencies: ["Chunks", "Linux", "StorageAPI", "TestSupport", "UnixHTTP", "cairnfsd", "log-disk"],
    path: "Tests/Integration/StorageDaemonTests", swiftSettings: settings),
  .testTarget(
    name: "CommandLineTests", dependencies: ["cairn", "cairnd", "cairnfsd"],
    path: "Tests/Integration/CommandLineTests", swiftSettings: settings),
  .testTarget(
    name: "JobStatesTests", dependencies: ["JobStates"], path: "Tests/Platform/JobStatesTests", swiftSettings: settings),
  .testTarget(
    name: "SchedulerTests", dependencies: ["JobStates", "Scheduler", "TestSupport"],
    path: "Tests/Platform/SchedulerTests",
    swiftSettings: settings),
  .testTarget(
    name: "RecordsTests", dependencies: ["Records", "TestSupport", grdb], path: "Tests/Platform/RecordsTests",
    swiftSettings: settings),
  .testTarget(
    name: "TrackerTests", dependencies: ["Records", "Tracker", "TestSupport", grdb, logging],
    path: "Tests/Platform/TrackerTests", swiftSettings: settings),
  .testTarget(
    name: "TensorBoardTests", dependencies: ["TensorBoard", "TestSupport"], path: "Tests/Platform/TensorBoardTests",
    swiftSettings: settings),
  .testTarget(
    name: "TokensTests", dependencies: ["ControlDatabase", "JobStates", "TestSupport", "Tokens"],
    path: "Tests/Platform/TokensTests", swiftSettings: settings),
  .testTarget(
    name: "SecretsTests", dependencies: ["ControlDatabase", "Secrets", "TestSupport"],
    path: "Tests/Platform/SecretsTests", swiftSettings: settings),
  .testTarget(
    name: "NotebooksTests",
    dependencies: ["ControlDatabase", "Linux", "NotebookStates", "Notebooks", "TestSupport"],
    path: "Tests/Platform/NotebooksTests", swiftSettings: settings),
  .testTarget(
    name: "ModelFormatsTests", dependencies: ["ModelFormats", "Linux", "TestSupport"],
    path: "Tests/Platform/ModelFormatsTests", exclude: ["make-golden-files"], swiftSettings: settings),
  .testTarget(
    name: "ModelRepositoryTests",
    dependencies: ["ModelFormats", "ModelRepository", "Linux", "Records", "TestSupport", "Tracker", logging],
    path: "Tests/Platform/ModelRepositoryTests", swiftSettings: settings),
  .testTarget(
    name: "WebhooksTests",
    dependencies: ["ModelRepository", "Secrets", "TestSupport", "Tracker", "Webhooks", grdb, logging],
    path: "Tests/Platform/WebhooksTests", swiftSettings: settings),
  .testTarget(
    name: "ControlDatabaseTests",
    dependencies: ["ControlDatabase", "JobStates", "NotebookStates", "Records", "Scheduler", grdb],
    path: "Tests/Platform/ControlDatabaseTests", swiftSettings: settings),
  .testTarget(
    name: "DeploymentsTests", dependencies: ["ControlDatabase", "DeploymentStates", "Deployments"],
    path: "Tests/Platform/DeploymentsTests", swiftSettings: settings),
  .testTarget(
    name: "ExperimentsTests",
    dependencies: [
      "ControlDatabase", "ExperimentFiles", "ExperimentStates", "Experiments", "JobStates", "Searchers", "TestSupport",
      grdb,
    ],
    path: "Tests/Platform/ExperimentsTests", swiftSettings: settings),
  .testTarget(
    name: "ExperimentFilesTests", dependencies: ["ExperimentFiles", "JobStates", "Searchers", "TestSupport"],
    path: "Tests/Platform/ExperimentFilesTests", swiftSettings: settings),
  .testTarget(
    name: "SearchersTests", dependencies: ["Searchers", "TestSupport"], path: "Tests/Platform/SearchersTests",
    swiftSettings: settings),
  .testTarget(
    name: "ContainersTests", dependencies: ["Containers", "Linux", "TestSupport"],
    path: "Tests/Platform/ContainersTests",
    swiftSettings: settings),
  .testTarget(name: "GPUsTests", dependencies: ["GPUs"], path: "Tests/Platform/GPUsTests", swiftSettings: settings),
  .testTarget(
    name: "JobsTests", dependencies: ["Jobs", "Containers", "ControlDatabase", "JobStates"],
    path: "Tests/Platform/JobsTests", swiftSettings: settings),
  .testTarget(
    name: "ContainerTests",
    dependencies: [
      "Jobs", "ControlDatabase", "Containers", "GPUs", "JobStates", "Notebooks", "Secrets", logging, subprocess,
    ],
    path: "Tests/Integration/ContainerTests", swiftSettings: settings),
]

let benchmarks: [Target] = [
  .executableTarget(
    name: "cairn-bench", dependencies: ["StorageAPI"], path: "Benchmarks/CairnBench", swiftSettings: settings),
  .executableTarget(
    name: "null-file-system", dependencies: ["CFuse3", "CFuseShim", "CLinux", "Chunks", "Fuse", "Linux"],
    path: "Benchmarks/NullFileSystem", swiftSettings: settings),
  .executableTarget(
    name: "scheduler-bench", dependencies: ["JobStates", "Scheduler"], path: "Benchmarks/SchedulerBench",
    swiftSettings: settings),
  .executableTarget(
    name: "cairn-scale", dependencies: ["Catalog", "FileSystem", "Linux", "StorageAPI"],
    path: "Benchmarks/CairnScale", swiftSettings: settings),
]

let package = Package(
  name: "cairn",
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: system + storage + platform + interface + benchmarks + tests
)
