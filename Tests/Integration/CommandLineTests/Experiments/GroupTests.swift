import Foundation
import Testing

@Suite(.serialized) struct ReplicaGroupTests {
  private func replicas(_ cairn: CairnInstance, _ reference: String) throws -> [[String: Any]] {
    try cairn.experiment(reference)["replicas"] as? [[String: Any]] ?? []
  }

  private func log(_ cairn: CairnInstance, _ replica: [String: Any]) throws -> String {
    try cairn.cairn("job", "logs", replica["job"] as? String ?? "").output
  }

  @Test func `PyTorch trains in two replicas that find each other`() throws {
    try CairnInstance.with { cairn in
      try cairn.copy(example: "ddp")
      let run = try cairn.cairn("experiment", "run", "ddp.yaml")
      #expect(run.code == 0, "\(run)")
      #expect(run.output.contains("worker-0 | rank 0 of 2"), "\(run)")
      #expect(run.output.contains("worker-1 | rank 1 of 2"), "\(run)")
      let replicas = try replicas(cairn, "ddp")
      #expect(replicas.count == 2)
      #expect(replicas.allSatisfy { $0["state"] as? String == "succeeded" })
      let first = try #require(replicas.first?["job"] as? String)
      #expect(try cairn.cairn("artifact", "ls", first).output.contains("model.pt"))
      // Nothing is left of its network.
      let id = try #require((try cairn.experiment("ddp")["experiment"] as? [String: Any])?["id"] as? String)
      let shown = try cairn.cairn("job", "show", first).output
      #expect(shown.contains("ddp (group \(id))"), "\(shown)")
      let networks = try RunningCommand(
        program: "/usr/bin/podman", arguments: ["network", "ls", "--format", "{{.Name}}"], directory: "/",
        environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
      ).finish().output
      #expect(networks.contains("podman") && !networks.contains(id))
    }
  }

  @Test func `torchrun needs to be told nothing`() throws {
    try CairnInstance.with { cairn in
      try cairn.copy(example: "ddp")
      let run = try cairn.cairn("experiment", "run", "torchrun.yaml")
      #expect(run.code == 0, "\(run)")
      // Which replica is which rank, its rendezvous decides.
      for rank in 0..<2 { #expect(run.output.contains("rank \(rank) of 2"), "\(run)") }
    }
  }

  @Test func `mpirun starts its processes in replicas that have no ssh`() throws {
    try CairnInstance.with { cairn in
      try cairn.write(
        """
        name: mpi
        cpus: 0.25
        roles:
          launcher:
            command: [sh, -c, 'mpirun -np 3 sh -c "echo hello from \\$OMPI_COMM_WORLD_RANK on \\$(hostname)"']
          worker: {replicas: 2}
        """, to: "mpi.yaml")
      let run = try cairn.cairn("experiment", "run", "mpi.yaml")
      #expect(run.code == 0, "\(run)")
      for line in ["hello from 0 on launcher-0", "hello from 1 on worker-0", "hello from 2 on worker-1"] {
        #expect(run.output.contains(line), "\(run)")
      }
      let states = try replicas(cairn, "mpi").map { $0["state"] as? String }
      #expect(states == ["succeeded", "stopped", "stopped"])
    }
  }

  @Test func `parameter servers and workers have commands of their own, and end when the first has done its work`()
    throws
  {
    try CairnInstance.with { cairn in
      try cairn.write(
        """
        import json, os, socketserver
        total = 0
        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                global total
                total += int(self.rfile.readline())
                self.wfile.write(b"%d\\n" % total)
        config = json.loads(os.environ["TF_CONFIG"])
        assert config["task"] == {"type": "ps", "index": 0} and os.environ["CAIRN_ROLE"] == "ps"
        port = int(config["cluster"]["ps"][0].split(":")[1])
        socketserver.TCPServer(("", port), Handler).serve_forever()
        """, to: "serve.py")
      try cairn.write(
        """
        import json, os, socket, time
        def add(number):
            host, port = json.loads(os.environ["TF_CONFIG"])["cluster"]["ps"][0].split(":")
            while True:
                try:
                    server = socket.create_connection((host, int(port)))
                    break
                except OSError:
                    time.sleep(0.1)
            server.sendall(b"%d\\n" % number)
            return int(server.makefile().readline())
        # As scripts that were written for Slurm do it.
        nodes = os.environ["SLURM_JOB_NODELIST"].split(",")
        assert len(set(map(socket.gethostbyname, nodes))) == int(os.environ["SLURM_NTASKS"]) == 4, nodes
        rank = int(os.environ["SLURM_PROCID"])
        assert nodes[rank] == socket.gethostname()
        add(rank + 1)
        while rank > 0 or add(0) < 6:
            time.sleep(0.1)
        print("together", add(0))
        """, to: "work.py")
      try cairn.write(
        """
        name: servers
        success: first
        slurm: true
        cpus: 0.25
        roles:
          chief: {command: [python3, work.py]}
          worker: {replicas: 2, command: [python3, work.py]}
          ps: {command: [python3, serve.py]}
        """, to: "servers.yaml")
      let run = try cairn.cairn("experiment", "run", "servers.yaml")
      #expect(run.code == 0, "\(run)")
      #expect(run.output.contains("chief-0 | together 6"), "\(run)")
      let states = try replicas(cairn, "servers").map { $0["state"] as? String }
      #expect(states == ["succeeded", "stopped", "stopped", "stopped"])
    }
  }

  @Test func `when one fails all are stopped, and the group starts again as often as its file says`() throws {
    try CairnInstance.with { cairn in
      try cairn.write(
        """
        name: fragile
        cpus: 0.25
        max_restarts: 1
        command: [sh, -c, 'trap "echo told; exit 0" TERM; echo rank $RANK of $WORLD_SIZE; if [ $RANK = 1 ]; then sleep 1; \
        exit 7; fi; while :; do sleep 0.1; done']
        replicas: 2
        """, to: "fragile.yaml")
      let run = try cairn.cairn("experiment", "run", "fragile.yaml")
      #expect(run.code == 1, "\(run)")
      #expect(run.complaint.contains("worker-1"), "\(run)")
      let replicas = try replicas(cairn, "fragile")
      #expect(replicas.map { $0["restart"] as? Int } == [0, 0, 1, 1])
      #expect(replicas.map { $0["exit_code"] as? Int }[1] == 7)
      #expect(replicas.map { $0["state"] as? String } == ["stopped", "failed", "stopped", "failed"])
      for replica in replicas where replica["rank"] as? Int == 0 {
        #expect(try log(cairn, replica) == "rank 0 of 2\ntold\n")
      }
      #expect((try cairn.experiment("fragile")["experiment"] as? [String: Any])?["restarts"] as? Int == 1)
    }
  }

  @Test func `a group that could never start at once is refused`() throws {
    try CairnInstance.with { cairn in
      // Each of them could.
      try cairn.write("name: crowd\ncommand: ['true']\nreplicas: 200\ncpus: 1", to: "crowd.yaml")
      let run = try cairn.cairn("experiment", "run", "crowd.yaml")
      #expect(run.code == 1)
      #expect(run.complaint.contains("need 200.0 processors at once"), "\(run)")
    }
  }

  @Test func `a group outlives cairnd and stops as a whole when asked to`() throws {
    try CairnInstance.with { cairn in
      try cairn.write(
        """
        name: lasting
        cpus: 0.25
        command: [sh, -c, 'trap "exit 0" TERM; echo $TF_CONFIG; getent hosts rank-0 | cut -d" " -f1; while :; do sleep 0.1; done']
        replicas: 2
        """, to: "lasting.yaml")
      #expect(try cairn.cairn("experiment", "run", "lasting.yaml", "--detach").code == 0)
      try cairn.eventually("both run", within: 60) {
        try replicas(cairn, "lasting").count { $0["state"] as? String == "running" } == 2
      }
      try cairn.killControlDaemon()
      #expect(try replicas(cairn, "lasting").count { $0["state"] as? String == "running" } == 2)
      #expect(try cairn.experimentState("lasting") == "running")
      let text = try log(cairn, try replicas(cairn, "lasting")[1])
      #expect(text.contains("\"index\": 1"), "\(text)")
      #expect(try cairn.cairn("experiment", "stop", "--wait", "lasting").output.hasSuffix("stopped\n"))
      #expect(try replicas(cairn, "lasting").allSatisfy { $0["state"] as? String == "stopped" })
    }
  }
}
