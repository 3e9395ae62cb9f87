import Foundation
import Testing

/// Groups where containers can have no network of their own: all replicas are at the host's address.
@Suite(.serialized) struct HostNetworkGroupTests {
  @Test func `PyTorch's replicas find each other at the host's address, by a port of their own choice`() throws {
    try CairnInstance.withHostNetwork { cairn in
      try cairn.copy(example: "ddp")
      let text = try String(contentsOfFile: cairn.directory + "/project/ddp.yaml", encoding: .utf8)
      let port = try CairnInstance.freePort()
      try cairn.write(text + "port: \(port)\n", to: "ddp.yaml")
      let run = try cairn.cairn("experiment", "run", "ddp.yaml")
      #expect(run.code == 0, "\(run)")
      for rank in 0..<2 { #expect(run.output.contains("worker-\(rank) | rank \(rank) of 2"), "\(run)") }
      let id = try #require((try cairn.experiment("ddp")["experiment"] as? [String: Any])?["id"] as? String)
      #expect(try !networks().contains(id))
    }
  }

  @Test func `servers of replicas have a port each, and see each other's`() throws {
    try CairnInstance.withHostNetwork { cairn in
      let port = try CairnInstance.freePort()
      try cairn.write(
        """
        import json, os, socket, time
        config = json.loads(os.environ["TF_CONFIG"])
        addresses, own = config["cluster"]["worker"], config["task"]["index"]
        assert len(set(addresses)) == 3 and os.environ["MASTER_ADDR"] == "127.0.0.1"
        server = socket.create_server(("127.0.0.1", int(addresses[own].split(":")[1])))
        for other in addresses:
            host, port = other.split(":")
            for _ in range(200):
                try:
                    socket.create_connection((host, int(port))).close()
                    break
                except OSError:
                    time.sleep(0.1)
            else:
                raise SystemExit(f"{other} was not reached")
        print("reached all")
        # The others may not have.
        open(f"/storage/{own}", "w").close()
        while len(os.listdir("/storage")) < 3:
            time.sleep(0.05)
        """, to: "peer.py")
      try cairn.write(
        "name: peers\ncpus: 0.25\ncommand: [python3, peer.py]\nreplicas: 3\nport: \(port)\n", to: "peers.yaml")
      let run = try cairn.cairn("experiment", "run", "peers.yaml")
      #expect(run.code == 0, "\(run)")
      #expect(run.output.split(separator: "\n").count { $0.hasSuffix("reached all") } == 3, "\(run)")
    }
  }

  @Test func `mpirun starts its processes in the other replicas`() throws {
    try CairnInstance.withHostNetwork { cairn in
      try cairn.write(
        """
        name: mpi
        cpus: 0.25
        port: \(try CairnInstance.freePort())
        roles:
          launcher:
            command: [sh, -c, 'mpirun -np 3 sh -c "echo hello from \\$OMPI_COMM_WORLD_RANK on rank \\$CAIRN_NODE_RANK"']
          worker: {replicas: 2}
        """, to: "mpi.yaml")
      let run = try cairn.cairn("experiment", "run", "mpi.yaml")
      #expect(run.code == 0, "\(run)")
      for rank in 0..<3 { #expect(run.output.contains("hello from \(rank) on rank \(rank)"), "\(run)") }
    }
  }

  private func networks() throws -> String {
    try RunningCommand(
      program: "/usr/bin/podman", arguments: ["network", "ls", "--format", "{{.Name}}"], directory: "/",
      environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
    ).finish().output
  }
}
