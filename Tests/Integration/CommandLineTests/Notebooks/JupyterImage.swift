import Foundation

/// A local image with JupyterLab, made of what `scripts/install-test-clients` installs and of what that needs of this host,
/// as no registry can be relied on. It is there for as long as the closure runs.
enum JupyterImage {
  /// A file that the host has not.
  static let marker = "/made-for-a-test"

  static func with(_ cairn: CairnInstance, _ body: (_ image: String) throws -> Void) throws {
    let image = "localhost/cairn-test-jupyter:\(UUID().uuidString.lowercased())"
    let directory = cairn.directory + "/image"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try bash(script, [NotebookBrowser.jupyter, directory, image, marker], cairn)
    defer { _ = try? bash("podman rmi --force \"$0\"", [image], cairn) }
    try FileManager.default.removeItem(atPath: directory)
    try body(image)
  }

  private static let script = """
    set -euo pipefail
    python=$0 directory=$1 image=$2 marker=$3
    environment=${python%/bin/python}
    { read -r program; read -r library; } < <(
      "$python" -c 'import os, sys, sysconfig; print(os.path.realpath(sys.executable)); print(sysconfig.get_path("stdlib"))')
    mkdir -p "$directory/root/tmp" "$directory/root/etc"
    chmod 1777 "$directory/root/tmp"
    touch "$directory/root$marker"
    tar -cf "$directory/image.tar" -C "$directory/root" .
    # The environment's Python is a link to this one, perhaps by way of others. What is left out is large and needless.
    tar -rf "$directory/image.tar" -C / --exclude="$library/test" --exclude="$library/site-packages" \\
      --exclude="$library/config-*" --exclude=jedi/third_party --exclude=debugpy "$environment" "$library" "$program" \\
      $(link=$python; while [ -L "$link" ]; do
        case $(readlink "$link") in /*) link=$(readlink "$link");; *) link=$(dirname "$link")/$(readlink "$link");; esac
        echo "$link"; done | grep -v -e "^$environment/" -e "^$program\\$" || true) 2>/dev/null
    # With the names by which programs ask for them, whatever directory that is a link to.
    { echo /bin/sh; find "$environment" "$library/lib-dynload" -name '*.so*' -print; echo "$program"; } |
      xargs ldd 2>/dev/null | awk '$2 == "=>" && $3 ~ "^/" { print $3 } $1 ~ "^/" && $2 ~ "^\\(" { print $1 }' |
      grep -v "^$environment/" | sort -u >"$directory/libraries"
    echo /bin/sh >>"$directory/libraries"
    tar -rhf "$directory/image.tar" -C / -T "$directory/libraries" 2>/dev/null
    podman import --quiet "$directory/image.tar" "$image"
    """

  private static func bash(_ script: String, _ arguments: [String], _ cairn: CairnInstance) throws {
    let outcome = try RunningCommand(
      program: "/bin/bash", arguments: ["-c", script] + arguments, directory: cairn.directory,
      environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": cairn.directory]
    ).finish()
    guard outcome.code == 0 else { throw CairnInstance.Problem(description: "\(outcome)") }
  }
}
