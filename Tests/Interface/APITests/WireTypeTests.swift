import API
import FoundationEssentials
import JobStates
import StorageAPI
import Testing
import Wire

/// What scripts rely on: the JSON of each type, to the byte. A change here is a change of the API.
@Suite struct WireTypeTests {
  private func check<Value: Codable & Equatable>(
    _ value: Value, _ json: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(String(decoding: try WireJSON.encode(value), as: UTF8.self) == json, sourceLocation: sourceLocation)
    #expect(try WireJSON.decode(Value.self, from: Array(json.utf8)) == value, sourceLocation: sourceLocation)
  }

  private static let job = Job(
    id: "abc", name: "night/ly", project: "p", image: "host", command: ["sh", "-c", "echo \"ä\""],
    environment: ["MY_VAR": "1", "camelCase": "2"], gpus: 2, cpus: 1.5, memoryBytes: 8 << 30, workspaceSnapshot: 7,
    timeoutSeconds: 7200, retries: 1, state: .timedOut, reason: .timeLimit, detail: "after 2 h", attempt: 2,
    exitCode: 143, createdNanoseconds: 1_700_000_000_000_000_001, startedNanoseconds: 1_700_000_000_000_000_002,
    endedNanoseconds: 1_700_000_000_000_000_003)
  private static let jobJSON = #"""
    {"attempt":2,"command":["sh","-c","echo \"ä\""],"cpus":1.5,"created_nanoseconds":1700000000000000001,\#
    "detail":"after 2 h","ended_nanoseconds":1700000000000000003,"environment":{"MY_VAR":"1","camelCase":"2"},\#
    "exit_code":143,"gpus":2,"id":"abc","image":"host","memory_bytes":8589934592,"name":"night/ly","project":"p",\#
    "reason":"time_limit","retries":1,"started_nanoseconds":1700000000000000002,"state":"timed_out",\#
    "timeout_seconds":7200,"workspace_snapshot":7}
    """#

  @Test func jobs() throws {
    try check(Self.job, Self.jobJSON)
    try check(JobList(jobs: [Self.job]), "{\"jobs\":[\(Self.jobJSON)]}")
    try check(
      Job(
        id: "a", name: "a", project: "p", image: "host", command: ["true"], state: .queued, reason: .submitted,
        createdNanoseconds: 1),
      #"""
      {"attempt":0,"command":["true"],"created_nanoseconds":1,"environment":{},"gpus":0,"id":"a","image":"host",\#
      "name":"a","project":"p","reason":"submitted","retries":0,"state":"queued"}
      """#)
  }

  @Test func models() throws {
    var version = ModelVersion(
      name: "m", project: "p", version: 3, stage: "None", status: "READY", source: "cairn:upload", tags: ["aB": "1"],
      aliases: ["best"], createdNanoseconds: 1, updatedNanoseconds: 2)
    version.path = "/srv/cairn/models/m/3"
    version.digest = "00"
    version.bytes = 5
    version.files = 1
    version.run = "r"
    let versionJSON = #"""
      {"aliases":["best"],"bytes":5,"created_nanoseconds":1,"digest":"00","files":1,"name":"m",\#
      "path":"/srv/cairn/models/m/3","project":"p","run":"r","source":"cairn:upload","stage":"None","status":"READY",\#
      "tags":{"aB":"1"},"updated_nanoseconds":2,"version":3}
      """#
    try check(version, versionJSON)
    let model = Model(
      name: "m", project: "p", directory: "/srv/cairn/models/m", aliases: ["best": 3], latestVersions: [version],
      createdNanoseconds: 1, updatedNanoseconds: 2)
    try check(
      ModelList(models: [model], nextPageToken: "x"),
      #"""
      {"models":[{"aliases":{"best":3},"created_nanoseconds":1,"directory":"/srv/cairn/models/m","latest_versions":\#
      [\#(versionJSON)],"name":"m","project":"p","tags":{},"updated_nanoseconds":2}],"next_page_token":"x"}
      """#)
    try check(
      ModelFileList(version: version, files: [ModelFileEntry(path: "a b", size: 5, sha256: "00")]),
      #"{"files":[{"path":"a b","sha256":"00","size":5}],"version":\#(versionJSON)}"#)
    try check(NewModelVersion(job: "j", path: "x"), #"{"job":"j","path":"x"}"#)
    try check(
      ModelChange(stage: "Production", archiveOthers: true, removeTags: ["a"]),
      #"{"archive_others":true,"remove_tags":["a"],"stage":"Production"}"#)
    try check(RemovedModel(versions: 1, bytes: 5), #"{"bytes":5,"versions":1}"#)
  }

  @Test func attempts() throws {
    let attempt = Attempt(
      number: 1, container: "cairn-abc-1", state: .failed, reason: .exitCode, exitCode: 3, gpus: ["GPU-1"],
      imageDigest: "sha256:00", createdNanoseconds: 1, startedNanoseconds: 2, endedNanoseconds: 3)
    let json = #"""
      {"container":"cairn-abc-1","created_nanoseconds":1,"ended_nanoseconds":3,"exit_code":3,"gpus":["GPU-1"],\#
      "image_digest":"sha256:00","number":1,"reason":"exit_code","started_nanoseconds":2,"state":"failed"}
      """#
    try check(attempt, json)
    try check(
      JobDetails(job: Self.job, attempts: [attempt], runs: []),
      "{\"attempts\":[\(json)],\"job\":\(Self.jobJSON),\"runs\":[]}")
  }

  @Test func whatIsAskedForWithAJob() throws {
    try check(NewJob(image: "host", command: ["true"]), #"{"command":["true"],"image":"host"}"#)
    try check(
      NewJob(
        project: "p", directory: "d", name: "n", image: "i", command: ["c"], environment: ["A_B": ""], gpus: 1,
        cpus: 0.5, memoryBytes: .max, workspaceSnapshot: 3, timeoutSeconds: 4, retries: 5),
      #"""
      {"command":["c"],"cpus":0.5,"directory":"d","environment":{"A_B":""},"gpus":1,"image":"i",\#
      "memory_bytes":18446744073709551615,"name":"n","project":"p","retries":5,"timeout_seconds":4,\#
      "workspace_snapshot":3}
      """#)
    try check(StopRequest(graceSeconds: 5), #"{"grace_seconds":5}"#)
    try check(StopRequest(), "{}")
  }

  @Test func linesOfLogsAndEvents() throws {
    try check(
      LogLine(timeNanoseconds: 1, stream: .stderr, text: "a\tb"),
      #"{"stream":"stderr","text":"a\tb","time_nanoseconds":1}"#)
    try check(
      JobEvent(
        sequence: 9, timeNanoseconds: 1, kind: "job", subject: "abc", from: "queued", to: "starting",
        reason: "resources_leased", detail: nil),
      #"""
      {"from":"queued","kind":"job","reason":"resources_leased","sequence":9,"subject":"abc","time_nanoseconds":1,\#
      "to":"starting"}
      """#)
    try check(
      StreamFailure(code: "internal", message: "m", subject: nil), #"{"error":{"code":"internal","message":"m"}}"#)
  }

  @Test func projects() throws {
    try check(
      ProjectList(projects: [Project(name: "p", jobs: 2, unfinishedJobs: 1, createdNanoseconds: 5)]),
      #"{"projects":[{"created_nanoseconds":5,"jobs":2,"name":"p","unfinished_jobs":1}]}"#)
    try check(NewProject(name: "p"), #"{"name":"p"}"#)
  }

  @Test func artifacts() throws {
    try check(
      ArtifactList(
        directory: "/srv/cairn/artifacts/p/j",
        entries: [
          ArtifactEntry(path: Data("a/b".utf8), kind: .file, size: 3, modifiedNanoseconds: 4, mode: 0o644),
          ArtifactEntry(
            path: Data([0xFF]), kind: .symbolicLink, size: 0, modifiedNanoseconds: -1, mode: 0o777,
            target: Data("a".utf8)),
        ]),
      #"""
      {"directory":"/srv/cairn/artifacts/p/j","entries":[{"kind":"file","mode":420,"modified_nanoseconds":4,\#
      "path":"a/b","path_bytes":"YS9i","size":3},{"kind":"symbolic_link","mode":511,"modified_nanoseconds":-1,\#
      "path":"\#u{FFFD}","path_bytes":"/w==","size":0,"target":"YQ=="}]}
      """#)
  }

  @Test func system() throws {
    try check(
      SystemInfo(
        version: "0.1.0", pid: 2, uptimeSeconds: 3, directory: "/d", socket: "/s", listen: "127.0.0.1:7070",
        podmanVersion: "4.3.1", containerRuntime: "runc", cgroupMode: "hybrid",
        storage: StorageInformation(
          version: "0.1.0", pid: 4, storageDirectory: "/st", mount: "/m", persistentMount: nil, uptimeSeconds: 5)),
      #"""
      {"cgroup_mode":"hybrid","container_runtime":"runc","directory":"/d","listen":"127.0.0.1:7070","pid":2,\#
      "podman_version":"4.3.1","socket":"/s","storage":{"mount":"/m","pid":4,"storage_directory":"/st",\#
      "uptime_seconds":5,"version":"0.1.0"},"uptime_seconds":3,"version":"0.1.0"}
      """#)
    try check(
      DoctorReport(findings: [.init(.warn, "podman", "old", remedy: "apt-get install podman"), .init(.ok, "fuse", "f")]
      ),
      #"""
      {"findings":[{"level":"warn","message":"old","remedy":"apt-get install podman","subject":"podman"},\#
      {"level":"ok","message":"f","subject":"fuse"}]}
      """#)
    try check(
      GPUList(gpus: [GPU(uuid: "GPU-1", index: 0, name: "H100", memoryBytes: 1 << 36, holders: [GPUHolder(job: "abc")])]
      ),
      #"""
      {"gpus":[{"busy_externally":false,"holders":[{"job":"abc"}],"index":0,"instances":[],"links":[],\#
      "memory_bytes":68719476736,"name":"H100","uuid":"GPU-1"}]}
      """#
    )
  }

  @Test func volumesAndStorage() throws {
    try check(
      VolumeList(volumes: [
        Volume(
          id: 1, kind: .artifact, path: "artifacts/p/j", sealed: true, quotaBytes: 2, quotaInodes: 3, usedBytes: 4,
          usedInodes: 5, createdNanoseconds: 6, source: 7)
      ]),
      #"""
      {"volumes":[{"created_nanoseconds":6,"id":1,"kind":"artifact","path":"artifacts/p/j","quota_bytes":2,\#
      "quota_inodes":3,"sealed":true,"source":7,"used_bytes":4,"used_inodes":5}]}
      """#)
    try check(
      NewVolume(kind: .persistent, path: "volumes/v", uid: 1, gid: 2, mode: 0o700, quotaBytes: 3, quotaInodes: 4),
      #"{"gid":2,"kind":"persistent","mode":448,"path":"volumes/v","quota_bytes":3,"quota_inodes":4,"uid":1}"#)
    try check(Quota(quotaBytes: 1, quotaInodes: 0), #"{"quota_bytes":1,"quota_inodes":0}"#)
    try check(SnapshotRequest(path: "volumes/s"), #"{"path":"volumes/s"}"#)
    try check(
      Usage(
        logicalBytes: 1, uniqueBytes: 2, storedBytes: 3, packBytes: 4, chunks: 5, inodes: 6, volumes: 7, stagedBytes: 8,
        freeBytes: 9),
      #"""
      {"chunks":5,"free_bytes":9,"inodes":6,"logical_bytes":1,"pack_bytes":4,"staged_bytes":8,"stored_bytes":3,\#
      "unique_bytes":2,"volumes":7}
      """#)
    try check(
      StorageStatistics(
        uptimeSeconds: 1, residentBytes: 2, threads: 3, cpuSeconds: 4.5, ingestedChunks: 5, ingestedBytes: 6,
        ingestedTrees: 7, quarantinedChunks: 9, kernelRequests: ["LOOKUP": 8]),
      #"""
      {"cpu_seconds":4.5,"ingested_bytes":6,"ingested_chunks":5,"ingested_trees":7,"kernel_requests":{"LOOKUP":8},\#
      "quarantined_chunks":9,"resident_bytes":2,"threads":3,"uptime_seconds":1}
      """#)
  }

  @Test func errors() throws {
    let error = APIError.conflict("Job a is running.", subject: "a")
    let json = String(decoding: try WireJSON.encode(error), as: UTF8.self)
    #expect(json == #"{"code":"conflict","message":"Job a is running.","subject":"a"}"#)
  }

  @Test func statesAndReasonsAreWrittenAsTheyAlwaysWere() {
    #expect(
      JobState.allCases.map(\.rawValue) == [
        "queued", "starting", "running", "stopping", "succeeded", "failed", "stopped", "timed_out", "out_of_memory",
        "lost",
      ])
    #expect(
      JobReason.allCases.map(\.rawValue) == [
        "submitted", "retry", "resources_leased", "container_started", "exit_code", "signal", "memory_limit",
        "requested", "time_limit", "preempted", "image_not_found", "image_build_failed", "secret_missing",
        "dependency_failed", "group_incomplete", "storage_failed", "container_failed", "container_vanished",
        "host_restarted",
      ])
  }
}
