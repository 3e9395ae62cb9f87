import Subprocess

/// The GPUs of this host could not be found out.
public struct GPUInventoryError: Error, CustomStringConvertible, Sendable {
  let cause: String

  public var description: String {
    "nvidia-smi is installed but does not list this host's GPUs: \(cause); check the driver with nvidia-smi"
  }
}

/// Finds the GPUs of this host.
public enum GPUInventory {
  /// Asks `nvidia-smi`; where there is none there are no GPUs.
  /// - Throws: ``GPUInventoryError``
  public static func find() async throws -> [GPU] {
    let program = Executable.name("nvidia-smi")
    guard (try? await program.resolveExecutablePath(in: .inherit)) != nil else { return [] }
    let result = try await run(
      program, arguments: ["--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits"],
      output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    guard result.terminationStatus.isSuccess else {
      throw GPUInventoryError(cause: result.standardOutput + result.standardError)
    }
    return try parse(result.standardOutput)
  }

  /// Parses a line for each GPU: its index, UUID, name, and MiB of memory, separated by commas.
  static func parse(_ text: String) throws -> [GPU] {
    try text.split(whereSeparator: \.isNewline).map { line in
      let fields = line.split(separator: ",").map { field in
        String(field.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
      }
      guard fields.count == 4, let index = Int(fields[0]), fields[1].hasPrefix("GPU-"), isIdentifier(fields[1]) else {
        throw GPUInventoryError(cause: "it answered \"\(line)\"")
      }
      // Some have no memory of their own, and say so in words.
      return GPU(uuid: fields[1], index: index, name: fields[2], memoryBytes: (UInt64(fields[3]) ?? 0) << 20)
    }
  }

  /// It becomes part of podman's arguments.
  private static func isIdentifier(_ text: String) -> Bool {
    text.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D
    }
  }
}
