import FoundationEssentials
import Glibc
import Linux
import ModelRepository
import StorageAPI

// Triton's layout is a volume for each model, `triton/<model>`, into which the files of the versions are copied without
// their bytes. Links would do for a server on this host, but lead nowhere in a container that has only this directory.
extension StorageOfModels {
  func publish(_ view: TritonView, of path: String) async throws {
    try await persisting { try await makeView(view, of: path) }
  }

  private func makeView(_ view: TritonView, of path: String) async throws {
    let place = tritonPath(view.directory)
    if try await client.volume(path: place) == nil {
      _ = try await client.createVolume(NewVolume(kind: .model, path: place))
    }
    let (source, destination) = (mount + "/" + path, mount + "/" + place)
    try await offPool {
      let new = destination + "/.new-\(view.version)"
      try removeTree(new)
      try FileManager.default.createDirectory(atPath: new, withIntermediateDirectories: true)
      for (from, to) in view.files { try TreeCopy(from: source, from, to: new, as: to).run() }
      // A version appears as a whole: the server may be looking.
      let version = destination + "/\(view.version)"
      try removeTree(version)
      if rename(new, version) != 0 { throw SystemError("rename", version) }
      guard let configuration = view.configuration else { return }
      try TreeCopy(from: source, configuration, to: destination, as: ".config.pbtxt").run()
      if rename(destination + "/.config.pbtxt", destination + "/config.pbtxt") != 0 {
        throw SystemError("rename", destination + "/config.pbtxt")
      }
    }
  }

  func withdraw(model directory: String, version: Int64) async throws {
    let place = tritonPath(directory)
    guard let volume = try await persisting({ try await client.volume(path: place) }) else { return }
    let root = mount + "/" + place
    let isEmpty = try await offPool {
      try removeTree(root + "/\(version)")
      return try !FileManager.default.contentsOfDirectory(atPath: root).contains { Int64($0) != nil }
    }
    if isEmpty { try await removeVersion(at: volume.path ?? place) }
  }

  private func tritonPath(_ directory: String) -> String {
    "triton/" + (directory.split(separator: "/").last.map(String.init) ?? directory)
  }
}

private func removeTree(_ path: String) throws {
  if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
}
