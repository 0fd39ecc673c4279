#!/usr/bin/env python3
"""What the stand-in k3s accepts, what it refuses and with which words, on loopback. `python3 tests/guest/test_k3s.py`."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
K3S = HERE / "k3s"
LIMIT = 20.0


def certificate(directory: pathlib.Path, name: str, *alternative: str) -> tuple[str, str]:
    """A self-signed certificate for these subject alternative names, as (certificate, key)."""
    cert, key = directory / f"{name}.crt", directory / f"{name}.key"
    line = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    line += ["-subj", f"/CN={name}", "-addext", "subjectAltName=" + ",".join(alternative)]
    subprocess.run([*line, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return str(cert), str(key)


class Registry:
    """An HTTPS server that answers GET /v2/ as a registry does, or with another status."""

    def __init__(self, cert: str, key: str, status: int = 200) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/v2/" else 404)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # a client that refuses the certificate is what some tests are about
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Machine:
    """A root directory as the bootstrap leaves it behind, and the stand-in run in it."""

    def __init__(self, root: pathlib.Path, name: str, registry_port: int, ca_file: str, images: pathlib.Path) -> None:
        self.root, self.name = root, name
        self.process: subprocess.Popen | None = None
        self.notify = root / "notify"
        self.config: dict = {"token": "s3cret", "node-name": name, "node-ip": "127.0.0.1"}
        endpoint = f"127.0.0.1:{registry_port}"
        self.registries: dict = {
            "mirrors": {"docker.io": {"endpoint": [f"https://{endpoint}"]}},
            "configs": {endpoint: {"tls": {"ca_file": "/etc/ca.crt"}}},
        }
        self.write("etc/ca.crt", pathlib.Path(ca_file).read_text())
        self.images = root / "var/lib/rancher/k3s/agent/images"
        self.images.mkdir(parents=True)
        shutil.copy(images, self.images)

    def write(self, path: str, text: str, mode: int = 0o600) -> pathlib.Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

    def write_configuration(self) -> None:
        # JSON is YAML; tests that are about YAML's own traps write the text themselves.
        if self.config is not None:
            self.write("etc/rancher/k3s/config.yaml", json.dumps(self.config))
        if self.registries is not None:
            self.write("etc/rancher/k3s/registries.yaml", json.dumps(self.registries))

    def environment(self) -> dict:
        return {**os.environ, "K3S_STANDIN_ROOT": str(self.root), "K3S_STANDIN_GRACE": "1", "NOTIFY_SOCKET": str(self.notify)}

    def start(self, role: str) -> None:
        """Starts it and waits until it reports itself ready, as systemd would."""
        self.write_configuration()
        self.notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.bind(str(self.notify))
            channel.settimeout(LIMIT)
            log = open(self.root / "log", "wb")
            self.process = subprocess.Popen([K3S, role], env=self.environment(), stderr=log, stdin=subprocess.DEVNULL)
            log.close()
            try:
                assert channel.recv(64) == b"READY=1"
            except TimeoutError:
                raise AssertionError(f"{role} is not ready: {(self.root / 'log').read_text()}") from None

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(LIMIT)
            self.process = None

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [K3S, *arguments], env=self.environment(), capture_output=True, text=True, timeout=LIMIT, check=False
        )


class StandIn(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="k3s-standin-"))
        cls.addClassCleanup(shutil.rmtree, cls.shared)
        subprocess.run([HERE / "make-payload.sh", cls.shared / "payload"], check=True, capture_output=True)
        cls.archive = cls.shared / "payload/k3s-airgap-images-amd64.tar.zst"
        cls.cert, cls.key = certificate(cls.shared, "registry", "IP:127.0.0.1")
        cls.registry = Registry(cls.cert, cls.key)
        cls.addClassCleanup(cls.registry.close)

    def machine(self, name: str = "master") -> Machine:
        root = pathlib.Path(tempfile.mkdtemp(dir=self.shared))
        machine = Machine(root, name, self.registry.port, self.cert, self.archive)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            machine.config["https-listen-port"] = str(probe.getsockname()[1])
        self.addCleanup(machine.stop)
        return machine

    def agent(self, server: Machine, name: str = "worker1") -> Machine:
        agent = self.machine(name)
        port = agent.config.pop("https-listen-port") and server.config["https-listen-port"]
        agent.config["server"] = f"https://127.0.0.1:{port}"
        return agent

    def refuses(self, machine: Machine, *expected: str, role: str = "server", write: bool = True) -> None:
        if write:
            machine.write_configuration()
        answer = machine.run(role)
        self.assertEqual(answer.returncode, 1, answer.stderr)
        last = answer.stderr.strip().splitlines()[-1]
        self.assertIn("level=fatal", last)
        for text in expected:
            self.assertIn(text, last)
        self.assertNotIn("Traceback", answer.stderr)


class Commands(StandIn):
    def test_the_version_says_that_it_is_a_stand_in(self) -> None:
        answer = self.machine().run("--version")
        self.assertEqual(answer.returncode, 0)
        self.assertRegex(answer.stdout, r"^k3s version v\d.*stand-in")

    def test_an_unknown_command_and_unknown_flags_are_refused(self) -> None:
        self.assertEqual(self.machine().run("etcd-snapshot").returncode, 1)
        self.assertEqual(self.machine().run("server", "--token=x").returncode, 1)

    def test_kubectl_without_a_server_says_where_to_ask(self) -> None:
        answer = self.machine().run("kubectl", "get", "nodes")
        self.assertEqual(answer.returncode, 1)
        self.assertIn("k3s.yaml", answer.stderr)


class WrongConfiguration(StandIn):
    def test_without_config_yaml(self) -> None:
        machine = self.machine()
        machine.config = None
        self.refuses(machine, "config.yaml", "does not exist")

    def test_config_yaml_that_others_may_read(self) -> None:
        machine = self.machine()
        machine.write_configuration()
        machine.write("etc/rancher/k3s/config.yaml", json.dumps(machine.config), 0o644)
        self.refuses(machine, "mode must be 0600", write=False)

    def test_config_yaml_that_is_not_yaml(self) -> None:
        machine = self.machine()
        machine.write_configuration()
        machine.write("etc/rancher/k3s/config.yaml", "token: 'x\nnode-ip: [")
        self.refuses(machine, "is not YAML", write=False)

    def test_an_unknown_key(self) -> None:
        machine = self.machine()
        machine.config["node-adress"] = "127.0.0.1"
        self.refuses(machine, "flag provided but not defined: node-adress")

    def test_a_servers_key_in_an_agents_configuration(self) -> None:
        machine = self.machine()
        del machine.config["https-listen-port"]
        machine.config.update({"server": "https://127.0.0.1:1", "tls-san": ["x"]})
        self.refuses(machine, "not defined: tls-san", role="agent")

    def test_a_number_where_a_string_was_meant(self) -> None:
        machine = self.machine()
        machine.write_configuration()
        text = "token: abc\nnode-ip: 127.0.0.1\nwrite-kubeconfig-mode: 0600\n"
        machine.write("etc/rancher/k3s/config.yaml", text)
        self.refuses(machine, "write-kubeconfig-mode must be a non-empty string", write=False)
        machine.write("etc/rancher/k3s/config.yaml", "token: 12:34:56\nnode-ip: 127.0.0.1\n")
        self.refuses(machine, "token must be a non-empty string", write=False)

    def test_a_string_where_a_flag_was_meant(self) -> None:
        machine = self.machine()
        machine.config["embedded-registry"] = "yes"
        self.refuses(machine, "embedded-registry must be true or false")

    def test_without_a_token(self) -> None:
        machine = self.machine()
        del machine.config["token"]
        self.refuses(machine, "token is missing")

    def test_a_node_ip_of_another_machine(self) -> None:
        machine = self.machine()
        machine.config["node-ip"] = "192.0.2.77"
        self.refuses(machine, "node-ip 192.0.2.77 is not an address of this machine")

    def test_a_flannel_interface_that_does_not_exist(self) -> None:
        machine = self.machine()
        machine.config["flannel-iface"] = "no-such-0"
        self.refuses(machine, "flannel-iface no-such-0 does not exist")

    def test_a_node_name_that_kubernetes_refuses(self) -> None:
        machine = self.machine()
        machine.config["node-name"] = "Master_1"
        self.refuses(machine, "RFC 1123")

    def test_disabling_a_component_that_does_not_exist(self) -> None:
        machine = self.machine()
        machine.config["disable"] = ["treafik"]
        self.refuses(machine, "no packaged component 'treafik'")

    def test_a_kubeconfig_mode_that_is_not_octal(self) -> None:
        machine = self.machine()
        machine.config["write-kubeconfig-mode"] = "rw-------"
        self.refuses(machine, "not an octal file mode")


class WrongRegistries(StandIn):
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.registry.port}"

    def test_without_registries_yaml(self) -> None:
        machine = self.machine()
        machine.registries = None
        self.refuses(machine, "registries.yaml", "does not exist")

    def test_without_mirrors(self) -> None:
        machine = self.machine()
        machine.registries["mirrors"] = {}
        self.refuses(machine, "has no mirrors")

    def test_an_unknown_key(self) -> None:
        machine = self.machine()
        machine.registries["mirror"] = {}
        self.refuses(machine, "unknown key 'mirror'")
        machine.registries.pop("mirror")
        machine.registries["configs"][self.endpoint()]["tls"]["ca"] = "x"
        self.refuses(machine, "unknown key 'ca'")

    def test_an_endpoint_without_tls_settings_of_exactly_its_name(self) -> None:
        machine = self.machine()
        settings = machine.registries["configs"].pop(self.endpoint())
        machine.registries["configs"]["docker.io"] = settings
        self.refuses(machine, f"endpoint https://{self.endpoint()} has no configs")

    def test_an_endpoint_without_https(self) -> None:
        machine = self.machine()
        machine.registries["mirrors"]["docker.io"]["endpoint"] = [f"http://{self.endpoint()}"]
        self.refuses(machine, "is not https://")

    def test_a_ca_file_that_does_not_exist(self) -> None:
        machine = self.machine()
        (machine.root / "etc/ca.crt").unlink()
        self.refuses(machine, "ca_file", "does not exist")

    def test_a_ca_file_that_is_no_certificate(self) -> None:
        machine = self.machine()
        machine.write("etc/ca.crt", "-----BEGIN CERTIFICATE-----\nnope\n")
        self.refuses(machine, "is not a PEM certificate")

    def test_verification_switched_off(self) -> None:
        machine = self.machine()
        machine.registries["configs"][self.endpoint()]["tls"]["insecure_skip_verify"] = True
        self.refuses(machine, "switches verification off")

    def test_another_ca_than_the_registrys(self) -> None:
        machine = self.machine()
        other, _ = certificate(self.shared, "other", "IP:127.0.0.1")
        machine.write("etc/ca.crt", pathlib.Path(other).read_text())
        self.refuses(machine, "its certificate is refused")

    def test_a_registry_whose_certificate_lacks_its_address(self) -> None:
        cert, key = certificate(self.shared, "localhost-only", "DNS:localhost")
        registry = Registry(cert, key)
        self.addCleanup(registry.close)
        machine = self.machine()
        machine.write("etc/ca.crt", pathlib.Path(cert).read_text())
        machine.registries = json.loads(json.dumps(machine.registries).replace(self.endpoint(), f"127.0.0.1:{registry.port}"))
        self.refuses(machine, "its certificate is refused", "127.0.0.1")

    def test_a_registry_that_is_down(self) -> None:
        registry = Registry(self.cert, self.key)
        registry.close()
        machine = self.machine()
        machine.registries = json.loads(json.dumps(machine.registries).replace(self.endpoint(), f"127.0.0.1:{registry.port}"))
        self.refuses(machine, f"registry https://127.0.0.1:{registry.port}/v2/ cannot be reached")

    def test_a_web_server_that_is_no_registry(self) -> None:
        registry = Registry(self.cert, self.key, status=404)
        self.addCleanup(registry.close)
        machine = self.machine()
        machine.registries = json.loads(json.dumps(machine.registries).replace(self.endpoint(), f"127.0.0.1:{registry.port}"))
        self.refuses(machine, "answered 404")


class WrongImages(StandIn):
    def test_no_archive(self) -> None:
        machine = self.machine()
        (machine.images / self.archive.name).unlink()
        self.refuses(machine, "no image archive")

    def test_an_archive_that_is_compressed_otherwise_than_its_name_says(self) -> None:
        machine = self.machine()
        (machine.images / self.archive.name).rename(machine.images / "images.tar.gz")
        self.refuses(machine, "not compressed as its name says")

    def test_a_truncated_archive(self) -> None:
        machine = self.machine()
        data = self.archive.read_bytes()
        (machine.images / self.archive.name).write_bytes(data[: len(data) // 2])
        self.refuses(machine, "is damaged")

    def test_an_archive_without_a_pause_image(self) -> None:
        machine = self.machine()
        (machine.images / self.archive.name).unlink()
        with open(machine.images / "images.tar", "wb") as out:
            subprocess.run([HERE / "make-images.py", "docker.io/rancher/mirrored-coredns-coredns:1"], stdout=out, check=True)
        self.refuses(machine, "no pause image")


class WrongAgent(StandIn):
    def test_without_a_server(self) -> None:
        machine = self.machine()
        del machine.config["https-listen-port"]
        self.refuses(machine, "server is missing", role="agent")

    def test_a_server_without_https(self) -> None:
        agent = self.agent(self.machine())
        agent.config["server"] = "http://127.0.0.1:6443"
        self.refuses(agent, "is not https://HOST:PORT", role="agent")

    def test_a_server_that_does_not_answer(self) -> None:
        agent = self.agent(self.machine())
        self.refuses(agent, "cannot be reached", role="agent")

    def test_another_token_than_the_servers(self) -> None:
        server = self.machine()
        server.start("server")
        agent = self.agent(server)
        agent.config["token"] = "another"
        self.refuses(agent, "does not accept the token", role="agent")

    def test_a_full_token_of_another_server(self) -> None:
        server = self.machine()
        server.start("server")
        agent = self.agent(server)
        agent.config["token"] = "K10" + "0" * 64 + "::server:s3cret"
        self.refuses(agent, "does not belong to", role="agent")

    def test_a_second_machine_of_the_same_name(self) -> None:
        server = self.machine()
        server.start("server")
        self.agent(server).start("agent")
        self.refuses(self.agent(server), "node password rejected", role="agent")


class Running(StandIn):
    def listing(self, server: Machine, *arguments: str) -> list[dict]:
        answer = server.run("kubectl", "get", *arguments, "-o", "json")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return json.loads(answer.stdout)["items"]

    def readiness(self, server: Machine) -> dict:
        nodes = self.listing(server, "nodes")
        return {n["metadata"]["name"]: [c["status"] for c in n["status"]["conditions"] if c["type"] == "Ready"] for n in nodes}

    @contextlib.contextmanager
    def within(self, seconds: float):
        end = time.monotonic() + seconds
        yield lambda: self.assertLess(time.monotonic(), end, "took too long") or time.sleep(0.1)

    def test_a_deleted_node_is_forgotten_with_its_password_and_a_new_machine_of_its_name_joins(self) -> None:
        server = self.machine()
        server.start("server")
        old = self.agent(server)
        old.start("agent")
        old.stop()
        self.refuses(self.agent(server), "node password rejected", role="agent")
        answer = server.run("kubectl", "delete", "node", "worker1")
        self.assertEqual((answer.returncode, answer.stdout), (0, 'node "worker1" deleted\n'), answer.stderr)
        self.assertEqual(self.readiness(server), {"master": ["True"]})
        self.assertIn("NotFound", server.run("kubectl", "delete", "node", "worker1").stderr)
        self.assertEqual(server.run("kubectl", "delete", "node", "worker1", "--ignore-not-found").returncode, 0)
        self.agent(server).start("agent")
        self.assertEqual(self.readiness(server), {"master": ["True"], "worker1": ["True"]})

    def test_a_cluster_of_three_is_ready_and_says_so_in_kubernetes_own_shapes(self) -> None:
        server = self.machine()
        server.config["tls-san"] = ["192.0.2.1", "lab.internal"]
        server.start("server")
        for name in ("worker1", "worker2"):
            agent = self.agent(server, name)
            agent.config["node-label"] = ["tier=edge"]
            agent.start("agent")
        self.assertEqual(self.readiness(server), {"master": ["True"], "worker1": ["True"], "worker2": ["True"]})
        master, worker, _ = self.listing(server, "nodes")
        self.assertEqual(worker["status"]["addresses"][0], {"type": "InternalIP", "address": "127.0.0.1"})
        self.assertTrue(worker["status"]["nodeInfo"]["kubeletVersion"].startswith("v"))
        self.assertEqual(worker["metadata"]["labels"]["tier"], "edge")
        self.assertIn("node-role.kubernetes.io/control-plane", master["metadata"]["labels"])
        self.assertEqual(server.run("kubectl", "get", "--raw", "/readyz").stdout, "ok")
        table = server.run("kubectl", "get", "nodes").stdout.splitlines()
        self.assertRegex(table[0], r"^NAME +STATUS +ROLES +VERSION")
        self.assertRegex(table[2], r"^worker1 +Ready +<none>")

        pods = self.listing(server, "pods", "-A")
        running = {p["metadata"]["name"] for p in pods if p["status"]["phase"] == "Running"}
        for prefix in ("coredns-", "traefik-", "local-path-provisioner-", "metrics-server-"):
            self.assertEqual(len([n for n in running if n.startswith(prefix)]), 1, prefix)
        self.assertEqual(len([n for n in running if n.startswith("svclb-traefik-")]), 3, "one on each node")
        self.assertTrue(all(p["status"]["containerStatuses"][0]["ready"] for p in pods))
        self.assertEqual(self.listing(server, "pods", "-n", "kube-system"), pods)
        self.assertEqual(self.listing(server, "pods"), [], "the default namespace is empty")

    def test_a_node_is_ready_only_while_its_heartbeats_arrive(self) -> None:
        server = self.machine()
        server.start("server")
        agent = self.agent(server)
        agent.start("agent")
        self.assertEqual(self.readiness(server)["worker1"], ["True"])
        agent.stop()
        with self.within(LIMIT) as again:
            while self.readiness(server)["worker1"] != ["Unknown"]:
                again()
        self.assertRegex(server.run("kubectl", "get", "nodes").stdout, r"worker1 +NotReady")
        agent.start("agent")
        self.assertEqual(self.readiness(server)["worker1"], ["True"])

    def test_a_restarted_server_remembers_nodes_but_waits_for_their_heartbeat(self) -> None:
        server = self.machine()
        server.start("server")
        agent = self.agent(server)
        agent.start("agent")
        kubeconfig = server.root / "etc/rancher/k3s/k3s.yaml"
        agent.stop()
        server.stop()
        server.start("server")
        self.assertEqual(self.readiness(server), {"master": ["True"], "worker1": ["Unknown"]})
        self.assertEqual(kubeconfig.stat().st_mode & 0o777, 0o600)

    def test_the_kubeconfigs_mode_can_be_chosen_and_its_secret_is_needed(self) -> None:
        server = self.machine()
        server.config["write-kubeconfig-mode"] = "0640"
        server.start("server")
        kubeconfig = server.root / "etc/rancher/k3s/k3s.yaml"
        self.assertEqual(kubeconfig.stat().st_mode & 0o777, 0o640)
        text = kubeconfig.read_text()
        self.assertIn(f"server: https://127.0.0.1:{server.config['https-listen-port']}", text)
        lines = [line if "token:" not in line else '    token: "wrong"' for line in text.splitlines()]
        kubeconfig.write_text("\n".join(lines))
        answer = server.run("kubectl", "get", "nodes")
        self.assertEqual((answer.returncode, "401" in answer.stderr), (1, True), answer.stderr)

    def test_the_full_token_that_the_server_writes_lets_an_agent_join(self) -> None:
        server = self.machine()
        server.start("server")
        agent = self.agent(server)
        token_file = server.root / "var/lib/rancher/k3s/server/node-token"
        self.assertEqual(token_file.stat().st_mode & 0o777, 0o600)
        agent.config["token"] = token_file.read_text().strip()
        agent.start("agent")

    def test_a_disabled_component_is_not_there_and_one_without_image_does_not_run(self) -> None:
        server = self.machine()
        server.config["disable"] = ["traefik"]
        (server.images / self.archive.name).unlink()
        with open(server.images / "images.tar", "wb") as out:
            names = ["docker.io/rancher/mirrored-pause:3.6", "docker.io/rancher/mirrored-coredns-coredns:1"]
            subprocess.run([HERE / "make-images.py", *names], stdout=out, check=True)
        server.start("server")
        phases = {p["metadata"]["name"].rsplit("-", 2)[0]: p["status"]["phase"] for p in self.listing(server, "pods", "-A")}
        self.assertEqual(
            phases, {"coredns": "Running", "local-path-provisioner": "Pending", "metrics-server": "Pending"}
        )
        self.assertRegex(server.run("kubectl", "get", "pods", "-A").stdout, r"metrics-server-\S+ +0/1 +ErrImagePull")

    def test_configuration_directories_override_and_append(self) -> None:
        server = self.machine()
        server.config["disable"] = ["traefik"]
        server.write("etc/rancher/k3s/config.yaml.d/10.yaml", 'disable+: [coredns]\nnode-name: "late"\n')
        server.start("server")
        self.assertEqual(list(self.readiness(server)), ["late"])
        names = {p["metadata"]["name"].split("-")[0] for p in self.listing(server, "pods", "-A")}
        self.assertEqual(names, {"local", "metrics"})


if __name__ == "__main__":
    unittest.main()
