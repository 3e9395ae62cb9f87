import Containers
import ControlDatabase

extension ContainerSpecification {
  /// Adds what a job of an experiment has beyond others.
  mutating func join(_ experiment: JobExperiment?) {
    guard let experiment else { return }
    environment["CAIRN_EXPERIMENT_ID"] = experiment.id
    network = experiment.network.map {
      ContainerNetwork(name: $0.name, address: $0.address, hostName: $0.hostName, hosts: $0.hosts)
    }
  }
}
