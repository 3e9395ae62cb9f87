import ExperimentFiles

/// What a replica's programs look for to find each other: PyTorch, torchrun, TensorFlow, Open MPI, MPICH, Slurm's scripts.
struct GroupEnvironment {
  /// Where files of the group lie in a container.
  static let hostFile = "/run/cairn/hostfile"
  static let launcher = "/run/cairn/launch"

  let group: ReplicaGroup
  let members: [GroupMember]
  /// The same for all replicas of one start, and another for each start.
  let startName: String
  /// The network interface that replicas reach each other by; nil: it is for programs to find out.
  let interface: String?

  /// The variables of one replica.
  func variables(of member: GroupMember) -> [String: String] {
    var variables = general(member).merging(torch(member)) { $1 }.merging(messagePassing()) { $1 }
    variables["TF_CONFIG"] = tensorFlowConfiguration(of: member)
    if let interface {
      for name in ["NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME", "TP_SOCKET_IFNAME"] { variables[name] = interface }
    }
    if group.slurm { variables.merge(slurm(member)) { $1 } }
    return variables
  }

  private var master: GroupMember { members[0] }

  private func general(_ member: GroupMember) -> [String: String] {
    [
      "CAIRN_ROLE": member.role, "CAIRN_ROLE_INDEX": "\(member.index)", "CAIRN_NODE_RANK": "\(member.rank)",
      "CAIRN_NODES_NUM": "\(members.count)", "CAIRN_NODES_IPS": members.map(\.address).joined(separator: "\n"),
      "CAIRN_MASTER_NODE_IP": master.address, "CAIRN_GPUS_PER_NODE": "\(member.gpus)",
      "CAIRN_GPUS_NUM": "\(members.reduce(0) { $0 + $1.gpus })",
    ]
  }

  /// For `init_process_group("env://")` with one process in each replica, and for torchrun, which takes each of its options
  /// from `PET_…` and sets the others anew for its processes.
  private func torch(_ member: GroupMember) -> [String: String] {
    [
      "MASTER_ADDR": master.address, "MASTER_PORT": "\(group.port)", "WORLD_SIZE": "\(members.count)",
      "RANK": "\(member.rank)", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", "NODE_RANK": "\(member.rank)",
      "GROUP_RANK": "\(member.rank)",
      "PET_NNODES": "\(members.count)", "PET_NPROC_PER_NODE": "\(member.slots)", "PET_NODE_RANK": "\(member.rank)",
      "PET_MASTER_ADDR": master.address, "PET_MASTER_PORT": "\(group.port)", "PET_RDZV_BACKEND": "c10d",
      "PET_RDZV_ENDPOINT": "\(master.address):\(group.port)", "PET_RDZV_ID": startName,
      // The group is started again as a whole.
      "PET_MAX_RESTARTS": "0",
    ]
  }

  private func messagePassing() -> [String: String] {
    var variables = [
      "CAIRN_MPI_HOSTFILE": Self.hostFile,
      // Open MPI 4 and 5; containers' users are root as often as not.
      "OMPI_MCA_orte_default_hostfile": Self.hostFile, "OMPI_MCA_plm_rsh_agent": Self.launcher,
      "OMPI_MCA_plm_rsh_no_tree_spawn": "1", "PRTE_MCA_prte_default_hostfile": Self.hostFile,
      "PRTE_MCA_plm_ssh_agent": Self.launcher, "PRTE_MCA_plm_ssh_no_tree_spawn": "1",
      "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
      // MPICH and Intel MPI.
      "HYDRA_HOST_FILE": Self.hostFile, "HYDRA_LAUNCHER": "ssh", "HYDRA_LAUNCHER_EXEC": Self.launcher,
    ]
    if let interface {
      variables["OMPI_MCA_oob_tcp_if_include"] = interface
      variables["OMPI_MCA_btl_tcp_if_include"] = interface
    }
    return variables
  }

  /// JSON, whose strings are addresses and names that need no escapes.
  private func tensorFlowConfiguration(of member: GroupMember) -> String {
    let cluster = group.roles.map { role in
      let addresses = members.filter { $0.role == role.name }.map { "\"\($0.address):\($0.port)\"" }
      return "\"\(role.name)\": [\(addresses.joined(separator: ", "))]"
    }
    return
      "{\"cluster\": {\(cluster.joined(separator: ", "))}, \"task\": {\"type\": \"\(member.role)\", \"index\": \(member.index)}}"
  }

  private func slurm(_ member: GroupMember) -> [String: String] {
    let names = members.map(\.name).joined(separator: ",")
    return [
      "SLURM_PROCID": "\(member.rank)", "SLURM_LOCALID": "0", "SLURM_NODEID": "\(member.rank)",
      "SLURM_NTASKS": "\(members.count)", "SLURM_NNODES": "\(members.count)", "SLURM_JOB_NUM_NODES": "\(members.count)",
      "SLURM_NTASKS_PER_NODE": "1", "SLURM_TASKS_PER_NODE": "1(x\(members.count))", "SLURM_JOB_NODELIST": names,
      "SLURM_NODELIST": names, "SLURMD_NODENAME": member.name, "SLURM_LAUNCH_NODE_IPADDR": master.address,
      // Scripts take it for a number.
      "SLURM_JOB_ID": "\(startName.utf8.reduce(UInt32(7)) { $0 &* 31 &+ UInt32($1) } >> 1)",
    ]
  }
}
