import Glibc
public import JobStates
import Subprocess
import SystemPackage

extension Podman {
  /// Runs a command in a running container, beside its own, to its end. If the task is cancelled, or `output` throws, the
  /// command is ended.
  /// - Parameters:
  ///   - input: what it reads; its end is the command's.
  ///   - sizes: of the terminal that it is to run in, the first first; nil: it runs in none.
  ///   - output: called with what it writes, as it comes, from one task for each stream. The command waits until it returns.
  /// - Returns: the command's exit code; 125 to 127 where podman could not run it.
  public func exec(
    in name: String, _ command: [String], environment: [String: String] = [:], input: AsyncStream<[UInt8]>?,
    sizes: AsyncStream<TerminalSize>? = nil,
    output: @escaping @Sendable (LogLine.Stream, [UInt8]) async throws -> Void
  ) async throws -> Int32 {
    let executed = ExecutedCommand()
    var arguments = globalArguments + ["exec", "--env", executed.mark] + (input == nil ? [] : ["--interactive"])
    // podman makes nothing of the keys that come: Ctrl-P belongs to the program.
    let isInTerminal = sizes != nil
    if isInTerminal { arguments += ["--tty", "--detach-keys", ""] }
    for (key, value) in environment.sorted(by: { $0.key < $1.key }) { arguments += ["--env", "\(key)=\(value)"] }
    arguments += [name] + command
    let sizes = sizes ?? AsyncStream(unfolding: { nil })
    let firstResize = Task { for await size in sizes { return try await executed.resize(to: size) } }
    let resizing = Task {
      try await firstResize.value
      for await size in sizes { try await executed.resize(to: size) }
    }
    defer {
      firstResize.cancel()
      resizing.cancel()
    }
    do {
      let code = try await Self.exec(arguments, input: input, after: firstResize, output: output)
      try Task.checkCancellation()
      return code
    } catch {
      // Of podman's death the command takes no notice. A shell in a terminal ends by SIGHUP only.
      await Task { await executed.end(by: isInTerminal ? [SIGHUP, SIGTERM] : [SIGTERM]) }.value
      throw error
    }
  }

  /// - Parameter firstResize: the input waits for it: who asks for the terminal's size is to see the right one.
  private static func exec(
    _ arguments: [String], input: AsyncStream<[UInt8]>?, after firstResize: Task<Void, any Error>,
    output: @escaping @Sendable (LogLine.Stream, [UInt8]) async throws -> Void
  ) async throws -> Int32 {
    var options = PlatformOptions()
    options.createSession = true
    options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]
    let result = try await Subprocess.run(
      Subprocess.Configuration(
        executable: .name("podman"), arguments: Arguments(arguments),
        environment: .inherit.updating(["NOTIFY_SOCKET": nil]), workingDirectory: .init("/"), platformOptions: options),
      input: .inputWriter, output: .sequence, error: .sequence
    ) { execution in
      try await withThrowingTaskGroup(of: Void.self) { group in
        let writing = Task {
          _ = await firstResize.result
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

extension ExecutedCommand {
  /// Waits until it has begun.
  fileprivate func resize(to size: TerminalSize) async throws {
    let deadline = ContinuousClock.now + .seconds(10)
    while !resizeTerminal(rows: size.rows, columns: size.columns), .now < deadline {
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}

extension Array where Element == UInt8 {
  fileprivate init(_ buffer: SubprocessOutputSequence.Buffer) {
    self = buffer.withUnsafeBytes { Array($0) }
  }
}
