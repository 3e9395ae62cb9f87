/// An image that is on this host.
public struct LocalImage: Hashable, Sendable {
  /// podman's own: `sha256:` and hexadecimal digits.
  public let id: String
  /// Of its manifest, by which registries know it; nil: none does.
  public let digest: String?
}

extension Podman {
  /// Makes sure that an image is on this host and returns its digest.
  /// - Parameter pulling: called before it is pulled.
  /// - Throws: ``ContainerError/imageNotFound(image:cause:)``
  public func provide(image: String, pulling: @Sendable () async -> Void) async throws -> String? {
    if let local = try await self.image(image) { return local.digest }
    await pulling()
    return try await pull(image) { _ in }.digest
  }

  /// What an image's name, or its identifier, stands for on this host; nil: nothing.
  public func image(_ name: String) async throws -> LocalImage? {
    let result = try await run(
      "inspect image \(name)", ["image", "inspect", "--format", "{{.Id}} {{.Digest}}", name], seconds: 60)
    guard result.status == 0 else { return nil }
    let words = result.output.split(whereSeparator: \.isWhitespace).map(String.init)
    guard let id = words.first else { return nil }
    let digest = words.count > 1 && words[1].hasPrefix("sha256:") ? words[1] : nil
    return LocalImage(id: id.hasPrefix("sha256:") ? id : "sha256:" + id, digest: digest)
  }

  /// Brings an image to this host.
  /// - Parameters:
  ///   - credentials: a file as `podman login` writes it; nil: those of this host, if any.
  ///   - progress: called with what podman says on the way, such as `Copying blob 3 of 5`.
  /// - Throws: ``ContainerError/imageNotFound(image:cause:)``
  public func pull(
    _ image: String, credentials: String? = nil, progress: @escaping @Sendable (String) async -> Void
  ) async throws -> LocalImage {
    let arguments = ["pull"] + (credentials.map { ["--authfile", $0] } ?? []) + [image]
    let result: Command.Result
    do {
      // Images of tens of gigabytes are usual; a registry that does not answer fails by itself long before.
      result = try await run("pull image \(image)", arguments, seconds: 3600) { line in
        // Such as "Copying blob sha256:3f4ca61aafcd…".
        let words = line.split(separator: " ").prefix(3).map { $0.replacing("sha256:", with: "").prefix(24) }
        if !words.isEmpty { await progress(words.joined(separator: " ")) }
      }
    } catch ContainerError.timedOut(_, let seconds) {
      throw ContainerError.imageNotFound(image: image, cause: "it took more than \(seconds) seconds")
    }
    guard result.status == 0 else { throw ContainerError.imageNotFound(image: image, cause: result.complaint) }
    guard let local = try await self.image(image) else {
      throw ContainerError.imageNotFound(image: image, cause: "it was pulled and is not there")
    }
    return local
  }
}
