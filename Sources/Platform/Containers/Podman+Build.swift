extension Podman {
  /// Builds an image.
  /// - Parameters:
  ///   - dockerfile: the path of the instructions.
  ///   - context: the directory that they copy from; what links out of it is not followed.
  ///   - tag: under which it is kept.
  ///   - output: the file that gets what the build says.
  /// - Throws: ``ContainerError/refused(tried:cause:)``
  public func build(dockerfile: String, context: String, tag: String, output: String) async throws -> LocalImage {
    let tried = "build image \(tag)"
    let result = try await run(
      tried, ["build", "--pull=missing", "--file", dockerfile, "--tag", tag] + limits.arguments + [context],
      seconds: 3600)
    try writeFile(output, result.output + result.error)
    guard result.status == 0 else {
      throw ContainerError.refused(tried: tried, cause: "\(result.complaint); all that it said is in \(output)")
    }
    guard let image = try await image(tag) else {
      throw ContainerError.refused(tried: tried, cause: "it was built and is not there")
    }
    return image
  }

  /// Gives an image one more name.
  public func tag(_ image: String, _ tag: String) async throws {
    try await podman("tag image \(image)", ["tag", image, tag], seconds: 60)
  }

  /// Takes a name from an image, and removes the image with its last name. Does nothing where there is none.
  public func untag(_ tag: String) async throws {
    // One that another container uses stays until that is gone.
    _ = try await run("remove image \(tag)", ["rmi", "--ignore", tag], seconds: 120)
  }
}
