import API
import ArgumentParser
import StorageAPI

struct VolumeQuota: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quota", abstract: "Limit a volume; what is not given stays as it is.")

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var limits: QuotaOptions

  @Argument(help: "Number or path.")
  var volume: String

  func validate() throws {
    if limits.quota == nil && limits.files == nil { throw ValidationError("Give --quota, --files or both.") }
  }

  func run() async throws {
    let client = connection.client
    let old = try await client.volume(named: volume)
    let volume = try await client.setQuota(
      old.id,
      Quota(quotaBytes: limits.quota?.bytes ?? old.quotaBytes, quotaInodes: limits.files ?? old.quotaInodes))
    if output.json { try Terminal.print(json: volume) }
  }
}
