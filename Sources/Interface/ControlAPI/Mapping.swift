import API
import Containers
import ControlDatabase
import GPUs
import JobStates
import Jobs
import Projects
import Tracker
import Wire

// From the platform's types to those of the wire: the only place where the two meet.

extension API.Job {
  init(_ job: PlatformJob) {
    self.init(
      id: job.id, name: job.name, project: job.project, image: job.request.image, command: job.request.command,
      environment: job.request.environment, gpus: job.request.gpus, cpus: job.request.cpus,
      memoryBytes: job.request.memoryBytes, workspaceSnapshot: job.request.workspaceSnapshot,
      timeoutSeconds: job.request.timeoutSeconds, retries: job.request.retries,
      models: job.request.models.map { $0.map { "\($0.name)/\($0.version)" } }, state: job.state, reason: job.reason,
      detail: job.detail, attempt: job.attempt, exitCode: job.exitCode, createdNanoseconds: job.createdAt,
      startedNanoseconds: job.startedAt, endedNanoseconds: job.endedAt)
    secrets = job.request.secrets
    retryPolicy = job.request.retryPolicy
    dependsOn = job.request.dependsOn
    ports = job.request.ports
    dockerfile = job.request.dockerfile
    registrySecret = job.request.registrySecret
    notBeforeNanoseconds = job.state == .queued ? job.notBefore : nil
    pinnedImage = job.pinnedImage
    rerunOf = job.request.rerunOf
    git = job.request.git
    priority = job.request.priority
    gpuShards = job.request.gpuShare.map { "\($0)" }
    gpuMig = job.request.gpuMIG
    group = job.request.group?.id
  }

  init(_ job: PlatformJob, waits: [String: Jobs.JobWait]) {
    self.init(job)
    waitsFor = job.state == .queued ? waits[job.id].map { JobWait(code: $0.code, sentence: $0.sentence) } : nil
  }
}

extension API.Attempt {
  init(_ attempt: PlatformAttempt) {
    self.init(
      number: attempt.number, container: attempt.container, state: attempt.state, reason: attempt.reason,
      exitCode: attempt.exitCode, gpus: attempt.gpus, imageDigest: attempt.imageDigest,
      createdNanoseconds: attempt.createdAt, startedNanoseconds: attempt.startedAt, endedNanoseconds: attempt.endedAt)
    ports = attempt.ports
  }
}

extension JobRequest {
  /// - Throws: ``APIError`` for what is no share of a GPU.
  init(_ new: NewJob) throws {
    self.init(
      project: new.project ?? Names.project(forDirectory: new.directory ?? ""), name: new.name, image: new.image,
      command: new.command, environment: new.environment ?? [:], gpus: new.gpus ?? 0, cpus: new.cpus,
      memoryBytes: new.memoryBytes, workspaceSnapshot: new.workspaceSnapshot, timeoutSeconds: new.timeoutSeconds,
      retries: new.retries ?? 0, git: new.git)
    secrets = new.secrets
    retryPolicy = new.retryPolicy
    dependsOn = new.dependsOn
    ports = new.ports
    dockerfile = new.dockerfile
    registrySecret = new.registrySecret
    priority = new.priority
    gpuMIG = new.gpuMig
    gpuShare = try new.gpuShards.map { text in
      guard let share = GPUShare(text) else {
        throw APIError.invalid(
          "`gpu_shards` is a part of a GPU, such as 1/4: up to \(GPUShare.mostShards) shards.", subject: "gpu_shards")
      }
      return share
    }
  }
}

extension JobEvent {
  init(_ event: Event) {
    self.init(
      sequence: event.sequence, timeNanoseconds: event.time, kind: event.kind.rawValue, subject: event.subject,
      from: event.from, to: event.to, reason: event.reason, detail: event.detail)
  }
}

extension API.LogLine {
  init(_ line: Containers.LogLine) {
    self.init(
      timeNanoseconds: line.time, stream: line.stream == .stdout ? .stdout : .stderr, text: line.text)
  }
}

extension API.LogLine {
  init(_ line: JobLogLine) {
    self.init(line.line)
    cursor = line.cursor.description
  }
}

extension API.UsageSample {
  init(_ sample: Jobs.UsageSample) {
    self.init(
      timeNanoseconds: sample.time, processorSeconds: Double(sample.processorNanoseconds) / 1e9,
      memoryBytes: sample.memoryBytes, readBytes: sample.readBytes, writtenBytes: sample.writtenBytes,
      gpus: sample.gpus.map {
        $0.map {
          GPUSample(
            uuid: $0.uuid, utilizationPercent: $0.utilizationPercent, memoryMebibytes: $0.memoryMebibytes,
            powerWatts: $0.powerWatts)
        }
      })
  }
}

extension API.Project {
  init(_ summary: ProjectSummary) {
    self.init(
      name: summary.name, jobs: summary.jobs, unfinishedJobs: summary.unfinishedJobs,
      createdNanoseconds: summary.createdAt)
  }
}

extension JobRun {
  init(_ run: Run) {
    self.init(
      id: run.identifier, name: run.name, status: run.status.name, experiment: run.experiment, attempt: run.attempt,
      startMilliseconds: run.startTime, endMilliseconds: run.endTime)
  }
}

extension API.Secret {
  init(_ secret: PlatformSecret) {
    self.init(
      name: secret.name, project: secret.project, createdNanoseconds: secret.createdAt,
      updatedNanoseconds: secret.updatedAt)
  }
}

extension API.Token {
  init(_ token: PlatformToken) {
    self.init(
      id: token.id, name: token.name, project: token.project, createdNanoseconds: token.createdAt,
      expiresNanoseconds: token.expiresAt)
  }
}

extension API.GPU {
  init(_ status: GPUStatus) {
    self.init(
      uuid: status.gpu.uuid, index: status.gpu.index, name: status.gpu.name, memoryBytes: status.gpu.memoryBytes,
      holders: status.holders.map { GPUHolder(job: $0.job, part: $0.part) },
      busyExternally: status.isBusyExternally, fault: status.fault,
      instances: status.gpu.instances.map { GPUInstance(uuid: $0.uuid, profile: $0.profile) }, links: status.links)
  }
}
