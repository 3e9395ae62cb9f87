/// What keeps GPUs from being handed out, jobs of ours apart.
public struct GPUConditions: Hashable, Sendable {
  /// The UUIDs of those that programs are on, whoever started them.
  public var busy: Set<String> = []
  /// What is wrong with those that can't be used, by UUID: they have fallen off the bus, or their driver asks for a reset.
  public var faults: [String: String] = [:]

  public init() {}

  /// Asks the driver about each of these GPUs apart: one that is lost makes it answer nothing about the others.
  public static func look(at gpus: some Sequence<String>) async -> GPUConditions {
    await withTaskGroup(of: (uuid: String, isBusy: Bool, fault: String?).self) { group in
      for uuid in gpus {
        group.addTask {
          do {
            async let report = NVIDIASystemManagement.ask(["--query", "--id=\(uuid)"])
            async let programs = NVIDIASystemManagement.ask([
              "--id=\(uuid)", "--query-compute-apps=gpu_uuid,pid", "--format=csv,noheader",
            ])
            return (uuid, try await !parsePrograms(programs).isEmpty, try await parseFault(report, of: uuid))
          } catch let error as GPUInventoryError {
            return (uuid, false, error.cause)
          } catch {
            return (uuid, false, "\(error)")
          }
        }
      }
      var conditions = GPUConditions()
      for await found in group {
        if found.isBusy { conditions.busy.insert(found.uuid) }
        conditions.faults[found.uuid] = found.fault
      }
      return conditions
    }
  }

  /// Parses a line for each program: its GPU's UUID and its number, separated by a comma.
  static func parsePrograms(_ text: String) -> Set<String> {
    Set(
      text.split(whereSeparator: \.isNewline).compactMap { line in
        let uuid = line.split(separator: ",").first.map(String.init) ?? ""
        return uuid.hasPrefix("GPU-") ? uuid : nil
      })
  }

  /// Parses the driver's whole report of a GPU, of lines such as `GPU Recovery Action : Reset`, which drivers before 560
  /// leave out.
  static func parseFault(_ report: String, of uuid: String) -> String? {
    var fields: [Substring: Substring] = [:]
    for line in report.split(whereSeparator: \.isNewline) {
      guard let colon = line.firstRange(of: " : ") else { continue }
      fields[line[..<colon.lowerBound].trimming()] = line[colon.upperBound...].trimming()
    }
    guard fields["GPU UUID"] == uuid[...] else { return "its driver does not know it any more" }
    guard let action = fields["GPU Recovery Action"], !["None", "N/A", "[N/A]"].contains(action) else { return nil }
    return "its driver asks for this to recover it: \(action)"
  }
}

extension Substring {
  fileprivate func trimming() -> Substring {
    let end = lastIndex { $0 != " " }.map(index(after:)) ?? startIndex
    return self[..<end].drop { $0 == " " }
  }
}
