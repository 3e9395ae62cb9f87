import Testing

@testable import cairn

struct GitWorkspaceTests {
  @Test(arguments: [
    ("git+https://host/a/b.git@main", "https://host/a/b.git", "main", "b"),
    ("git+https://host/a/b", "https://host/a/b", nil, "b"),
    ("git+ssh://git@host:2222/a/b.git@v1.2", "ssh://git@host:2222/a/b.git", "v1.2", "b"),
    ("git+file:///srv/repository.git@feature/x", "file:///srv/repository.git", "feature/x", "repository"),
  ])
  func `an address is taken apart`(text: String, url: String, reference: String?, name: String) throws {
    let workspace = try #require(try GitWorkspace(text))
    #expect(workspace.url == url && workspace.reference == reference && workspace.name == name)
  }

  @Test(arguments: [".", "none", "/srv/git", "gitdir", "https://host/a"])
  func `what is no address is a directory`(text: String) throws {
    #expect(try GitWorkspace(text) == nil)
  }

  @Test(arguments: [
    "git+ext::sh -c 'touch /tmp/x'", "git+ext://sh%20-c", "git+--upload-pack=x", "git+https://-oProxyCommand=x/a",
    "git+ssh://git@-oProxyCommand=x/a", "git+https://host/a@--upload-pack=x", "git+https://host/a@-x",
    "git+https://host/a b", "git+https://host/a@x:y", "git+https://host/a@a..b", "git+https://host", "git+fd::3",
    "git+https://host/a\n@x", "git+https://host/a@",
  ])
  func `what git could take for an option or a command is refused`(text: String) {
    #expect(throws: GitWorkspaceError.self) { try GitWorkspace(text) }
  }
}
