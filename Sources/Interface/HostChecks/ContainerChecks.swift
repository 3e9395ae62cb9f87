public import API
public import Containers

extension DoctorReport.Finding {
  /// What was found out about containers.
  public init(_ finding: HostReport.Finding) {
    let level: DoctorReport.Level
    switch finding.level {
    case .good: level = .ok
    case .warning: level = .warn
    case .failure: level = .fail
    }
    self.init(level, finding.subject, finding.message, remedy: finding.remedy)
  }
}
