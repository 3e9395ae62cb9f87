import API
import ArgumentParser
import DeploymentStates
import Linux

struct DeployShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show all about a deployment: replicas, revisions, traffic, events.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "The deployment's name.")
  var name: String

  func run() async throws {
    let details = try await connection.client.deployment(name)
    if output.json { return try Terminal.print(json: details) }
    let deployment = details.deployment
    let traffic = deployment.traffic
    let scaling = deployment.scaling
    Terminal.print(
      listing([
        ("name", deployment.name), ("state", deployment.state.rawValue), ("detail", deployment.detail),
        ("url", deployment.url), ("model", deployment.model), ("image", deployment.image),
        ("a replica has", details.revisions.first { $0.number == deployment.revision }.flatMap { $0.resources }),
        ("secrets", details.revisions.first { $0.number == deployment.revision }.flatMap { $0.givenSecrets }),
        ("revision", "\(deployment.revision)"), ("serving", deployment.stableRevision.map { "\($0)" }),
        ("canary", deployment.canaryPercent.map { "\($0) %" }),
        ("replicas", "\(deployment.readyReplicas) of \(deployment.replicas) ready"),
        (
          "scaling",
          scaling.minimum == scaling.maximum
            ? nil : "\(scaling.minimum) to \(scaling.maximum), \(scaling.targetInFlight) requests in flight each"
        ),
        ("authentication", deployment.authentication),
        ("requests", "\(traffic.requests), \((traffic.rate * 10).rounded() / 10) a second"),
        (
          "answers",
          traffic.statuses.isEmpty
            ? nil : traffic.statuses.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
        ),
        ("latency", traffic.p50Milliseconds.map { "half within \($0) ms" }),
        ("latency (99 %)", traffic.p99Milliseconds.map { "within \($0) ms" }),
        ("created", describe(time: deployment.createdNanoseconds)),
      ]))
    var replicas = Table(
      ("REPLICA", .left), ("REVISION", .right), ("STATE", .left), ("STARTS", .right), ("ADDRESS", .left),
      ("DETAIL", .left))
    for replica in details.replicas {
      replicas.add(
        replica.id, "\(replica.revision)", replica.state.rawValue, "\(replica.attempt)", replica.address ?? "",
        replica.detail ?? "")
    }
    if !details.replicas.isEmpty { Terminal.print("\n" + replicas.text) }
    var revisions = Table(("REVISION", .right), ("MADE", .left), ("DIGEST", .left), ("MODEL", .left), ("IMAGE", .left))
    for revision in details.revisions {
      revisions.add(
        "\(revision.number)", describe(time: revision.createdNanoseconds), String(revision.digest.prefix(12)),
        revision.model ?? "", revision.image)
    }
    Terminal.print("\n" + revisions.text)
    var events = Table(("WHEN", .left), ("EVENT", .left), ("DETAIL", .left))
    for event in details.events.suffix(10) {
      events.add(describe(time: event.timeNanoseconds), event.kind, event.detail ?? "")
    }
    Terminal.print("\n" + events.text)
  }
}

extension DeploymentRevision {
  /// What a replica may use of the host, in words; nil: nothing is said.
  fileprivate var resources: String? {
    let words = [
      gpus.map { "\($0) GPU\($0 == 1 ? "" : "s")" }, cpus.map { "\($0) processors" },
      memoryBytes.map { "\(describe(bytes: $0)) of memory" },
    ].compactMap { $0 }
    return words.isEmpty ? nil : words.joined(separator: ", ")
  }

  /// Which secrets a replica is given, and where; nil: none.
  fileprivate var givenSecrets: String? {
    let words = secrets.merging(secretFiles) { $1 }.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
      .map { "\($0.value) as \($0.key)" }
    return words.isEmpty ? nil : words.joined(separator: ", ")
  }
}
