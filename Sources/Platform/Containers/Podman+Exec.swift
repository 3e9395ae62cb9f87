import Subprocess
import SystemPackage

extension Podman {
  /// Runs a command in a running container, beside its own, to its end.
  /// - Parameters:
  ///   - input: what it reads; its end is the command's.
  ///   - output: called with what it writes, as it comes, from one task for each stream. The command waits until it returns.
  /// - Returns: the command's exit code; 125 to 127 where podman could not run it.
  public func exec(
    in name: String, _ command: [String], environment: [String: String] = [:], input: AsyncStream<[UInt8]>?,
    output: @escaping @Sendable (LogLine.Stream, [UInt8]) async throws -> Void
  ) async throws -> Int32 {
    var arguments = ["podman"] + globalArguments + ["exec"] + (input == nil ? [] : ["--interactive"])
    for (key, value) in environment.sorted(by: { $0.key < $1.key }) { arguments += ["--env", "\(key)=\(value)"] }
    arguments += [name] + command
    var options = PlatformOptions()
    options.createSession = true
    options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]
    let result = try await Subprocess.run(
      Subprocess.Configuration(
        executable: .name("podman"), arguments: Arguments(Array(arguments.dropFirst())),
        environment: .inherit.updating(["NOTIFY_SOCKET": nil]), workingDirectory: .init("/"), platformOptions: options),
      input: .inputWriter, output: .sequence, error: .sequence
    ) { execution in
      try await withThrowingTaskGroup(of: Void.self) { group in
        let writing = Task {
          // A command that does not read to the end is none the worse for it.
          for await bytes in input ?? AsyncStream(unfolding: { nil }) {
            guard (try? await execution.standardInputWriter.write(bytes)) != nil else { break }
          }
          try? await execution.standardInputWriter.finish()
        }
        defer { writing.cancel() }
        group.addTask {
          for try await buffer in execution.standardOutput { try await output(.stdout, Array(buffer)) }
        }
        group.addTask {
          for try await buffer in execution.standardError { try await output(.stderr, Array(buffer)) }
        }
        try await group.waitForAll()
      }
    }
    switch result.terminationStatus {
    case .exited(let code): return code
    case .signaled(let signal): return 128 + signal
    }
  }
}

extension Array where Element == UInt8 {
  fileprivate init(_ buffer: SubprocessOutputSequence.Buffer) {
    self = buffer.withUnsafeBytes { Array($0) }
  }
}
