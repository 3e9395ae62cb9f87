import CLinux
import Containers
import ControlDatabase
import FoundationEssentials
import Glibc
import JobStates
import Linux
import Secrets

extension JobRunner {
  /// Brings a job's image to this host, and notes what it is before the first attempt runs it.
  /// - Returns: what podman is to run: the image itself, whatever its name stands for by now.
  func provideImage(of job: Job, _ attempt: Attempt) async throws -> String {
    if let pinned = job.pinnedImage {
      let image = try await failing(.imageNotFound) { try await find(pinned, of: job, attempt) }
      // So that it stays as long as this job does, too.
      if job.request.dockerfile != nil { try await podman.tag(image.id, Self.builtImage(of: job.id)) }
      try await database.pin(PinnedImage(id: image.id, digest: image.digest ?? pinned.digest), for: attempt)
      return image.id
    }
    if let dockerfile = job.request.dockerfile {
      let image = try await failing(.imageBuildFailed) { try await build(dockerfile, job, attempt) }
      try await database.pin(PinnedImage(id: image.id, digest: image.digest), for: attempt)
      return image.id
    }
    let image = try await failing(.imageNotFound) { () async throws -> LocalImage in
      if let local = try await podman.image(job.request.image) { return local }
      return try await pull(job.request.image, for: job, attempt)
    }
    try await database.pin(PinnedImage(id: image.id, digest: image.digest), for: attempt)
    return image.id
  }

  /// The name under which podman keeps what was built for a job.
  static func builtImage(of job: String) -> String { "localhost/cairn-build:\(job)" }

  private func build(_ dockerfile: String, _ job: Job, _ attempt: Attempt) async throws -> LocalImage {
    let workspace = "\(storage.mount)/workspaces/\(job.id)"
    try? await database.setDetail("building image from \(dockerfile)", of: job.id)
    // podman follows links, as root, and tells in its complaints what it has read.
    let text = try readBeneath(workspace, dockerfile)
    let copy = files.dockerfile(of: attempt.container)
    try writeFile(copy, text)
    defer { unlink(copy) }
    try FileManager.default.createDirectory(
      atPath: files.logDirectory(of: job.id), withIntermediateDirectories: true)
    return try await podman.build(
      dockerfile: copy, context: workspace, tag: Self.builtImage(of: job.id),
      output: files.logDirectory(of: job.id) + "/build.log")
  }

  private func find(_ pinned: PinnedImage, of job: Job, _ attempt: Attempt) async throws -> LocalImage {
    if let local = try await podman.image(pinned.id) { return local }
    guard let digest = pinned.digest, !job.request.image.hasPrefix("sha256:") else {
      throw ContainerError.imageNotFound(
        image: job.request.image, cause: "what the job ran first, \(pinned.id), is not on this host any more")
    }
    return try await pull("\(Self.repository(of: job.request.image))@\(digest)", for: job, attempt)
  }

  private func pull(_ image: String, for job: Job, _ attempt: Attempt) async throws -> LocalImage {
    // Only tells; the job goes on without.
    try? await database.setDetail("pulling image \(image)", of: job.id)
    guard let secret = job.request.registrySecret else {
      return try await podman.pull(image) { try? await database.setDetail("pulling image \(image): \($0)", of: job.id) }
    }
    let value = try await failing(.secretMissing) { try await secrets.value(of: secret, for: job.project) }
    let directory = files.secrets(of: attempt.container)
    try directory.make([])
    try directory.write(
      try RegistryCredentials(secret: secret, value).file(for: image), to: directory.registry, mode: 0o600)
    let local = try await podman.pull(image, credentials: directory.registry) {
      try? await database.setDetail("pulling image \(image): \($0)", of: job.id)
    }
    try directory.remove()
    return local
  }

  /// An image's name without tag and digest.
  static func repository(of image: String) -> String {
    let name = image.prefix { $0 != "@" }
    // A colon before the last slash is a registry's port.
    let last = name.lastIndex(of: "/") ?? name.startIndex
    return String(name[..<(name[last...].firstIndex(of: ":") ?? name.endIndex)])
  }
}

/// Who somebody is to a registry.
struct RegistryCredentials {
  /// The file that `podman login` and `docker login` write, or `USER:PASSWORD`.
  private let value: String

  init(secret: String, _ value: [UInt8]) throws {
    guard let text = String(validating: value, as: UTF8.self),
      text.trimmingPrefix(while: \.isWhitespace).hasPrefix("{") || text.contains(":")
    else {
      throw ControlError(
        .invalid, subject: secret,
        "secret \(secret) is no registry's credentials: set it to USER:PASSWORD, or to the file that podman login writes"
      )
    }
    self.value = text
  }

  /// For `podman --authfile`.
  func file(for image: String) throws -> [UInt8] {
    if value.trimmingPrefix(while: \.isWhitespace).hasPrefix("{") { return Array(value.utf8) }
    var credentials = value
    while credentials.last?.isNewline ?? false { credentials.removeLast() }
    let entry = ["auth": Data(credentials.utf8).base64EncodedString()]
    return Array(try JSONEncoder().encode(["auths": [Self.registry(of: image): entry]]))
  }

  /// The first component of a name that has a dot, a colon, or is `localhost`; others are of Docker's own.
  static func registry(of image: String) -> String {
    let parts = image.split(separator: "/", maxSplits: 1)
    guard parts.count == 2, parts[0].contains(".") || parts[0].contains(":") || parts[0] == "localhost" else {
      return "docker.io"
    }
    return String(parts[0])
  }
}

/// A file below a directory, whatever links there are, of at most 1 MiB.
private func readBeneath(_ directory: String, _ path: String) throws -> String {
  let top = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard top >= 0 else { throw SystemError("open", directory) }
  defer { close(top) }
  let descriptor = cairn_open_beneath(top, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0)
  guard descriptor >= 0 else { throw SystemError("open", path) }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 64 << 10)
  while bytes.count < 1 << 20 {
    let count = read(descriptor, &buffer, buffer.count)
    guard count >= 0 else { throw SystemError("read", path) }
    if count == 0 { break }
    bytes += buffer[..<count]
  }
  return String(decoding: bytes, as: UTF8.self)
}
