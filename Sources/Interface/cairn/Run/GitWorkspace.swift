import Containers
import FoundationEssentials

/// A commit of a git repository as a workspace: `git+https://host/path.git@ref`.
struct GitWorkspace: Equatable {
  /// What may run a helper, or read elsewhere, is not among them: `ext::` runs any command.
  static let schemes = ["https", "http", "ssh", "git", "file"]

  let url: String
  /// A branch, tag or commit; nil: what the repository has checked out.
  let reference: String?

  /// nil: this is no such workspace, but a directory.
  /// - Throws: ``GitWorkspaceError`` for an address or reference that git could take for something else.
  init?(_ text: String) throws {
    guard text.hasPrefix("git+") else { return nil }
    let rest = text.dropFirst(4)
    guard let colon = rest.firstRange(of: "://"), Self.schemes.contains(String(rest[..<colon.lowerBound])) else {
      throw GitWorkspaceError(
        "\(text) is no address of a repository: use git+https://, git+ssh://, git+git:// or git+file://")
    }
    let isPlain = rest.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
    // Before the path an at sign ends the user's name.
    let path = rest[colon.upperBound...].firstIndex(of: "/") ?? rest.endIndex
    let at = rest[path...].lastIndex(of: "@") ?? rest.endIndex
    let host = rest[colon.upperBound..<path]
    guard isPlain, !host.hasPrefix("-"), !host.contains("@-"), path != rest.endIndex else {
      throw GitWorkspaceError("\(text) is no address of a repository")
    }
    url = String(rest[..<at])
    let reference = at == rest.endIndex ? nil : String(rest[rest.index(after: at)...])
    if let reference,
      reference.isEmpty || reference.hasPrefix("-") || reference.contains(":") || reference.contains("..")
    {
      throw GitWorkspaceError("\(reference.debugDescription) can't be a branch, tag or commit")
    }
    self.reference = reference
  }

  /// The repository's name.
  var name: String {
    let last = url.split(separator: "/").last.map(String.init) ?? "workspace"
    return last.hasSuffix(".git") ? String(last.dropLast(4)) : last
  }

  /// Checks the commit out into an empty directory. No hooks are run, and no submodules fetched.
  func checkOut(into directory: String) async throws {
    try await git(["init", "--quiet", "--template=", "--", directory], in: "/")
    try await git(["remote", "add", "--", "origin", url], in: directory)
    let wanted = reference ?? "HEAD"
    // Servers give a single commit by the name of a branch or tag; by its own only some do, so then all is fetched.
    let shallow = try await run(["fetch", "--quiet", "--depth", "1", "--", "origin", wanted], in: directory)
    if shallow.status == 0 { return try await git(["checkout", "--quiet", "--detach", "FETCH_HEAD"], in: directory) }
    let all = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
    try await git(["fetch", "--quiet", "--", "origin"] + all, in: directory)
    try await git(["checkout", "--quiet", "--detach", wanted, "--"], in: directory)
  }

  private func git(_ arguments: [String], in directory: String) async throws {
    let result = try await run(arguments, in: directory)
    guard result.status == 0 else { throw GitWorkspaceError("\(url) could not be checked out: \(result.complaint)") }
  }

  private func run(_ arguments: [String], in directory: String) async throws -> Command.Result {
    try await Command.run(
      [
        "env", "GIT_ALLOW_PROTOCOL=\(Self.schemes.joined(separator: ":"))", "GIT_TERMINAL_PROMPT=0", "git",
        "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "submodule.recurse=false",
      ] + arguments, in: directory, timeLimit: .seconds(3600))
  }
}

struct GitWorkspaceError: Error, Equatable, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
