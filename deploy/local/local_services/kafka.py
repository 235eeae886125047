"""Apache Kafka in KRaft mode: every node is broker and controller."""

import base64
import signal
import subprocess
import uuid

from . import jars
from .process import Failure, exchange, free_port

VERSION = "4.1.0"
# slf4j-simple: without a binding Kafka would say nothing, not even why it does not start.
ARTIFACTS = [f"org.apache.kafka:kafka_2.13:{VERSION}", f"org.apache.kafka:kafka-tools:{VERSION}",
             "org.slf4j:slf4j-simple:1.7.36"]
HOST = "127.0.0.1"
STOP = signal.SIGTERM
READY_SECONDS_MAX = 120


def names(options):
    return [f"kafka-{node}" for node in range(1, options.brokers + 1)]


def ports():
    return {"port": free_port(HOST), "controller": free_port(HOST)}


def prepare(instance, cluster, options, say):
    """Writes the node's configuration and formats its log directory once."""
    lib = jars.fetch(options.cache, f"kafka-{VERSION}", ARTIFACTS, say)
    nodes = {name: number for number, name in enumerate(sorted(cluster), 1)}
    node, mine = nodes[instance.name], cluster[instance.name]
    replicas = min(3, len(nodes))
    voters = ",".join(f"{number}@{HOST}:{cluster[name]['controller']}" for name, number in nodes.items())
    properties = {
        "process.roles": "broker,controller",
        "node.id": node,
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://{HOST}:{mine['port']},CONTROLLER://{HOST}:{mine['controller']}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{mine['port']}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": instance.directory / "data",
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.min.isr": max(1, replicas - 1),
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": max(1, replicas - 1),
        "default.replication.factor": replicas,
        "min.insync.replicas": max(1, replicas - 1),
        "auto.create.topics.enable": "false",
        # Tests wait for groups and for killed nodes: seconds, where the defaults are for large clusters.
        "group.initial.rebalance.delay.ms": 0,
        "broker.session.timeout.ms": 6000,
        # `{port}` and `{controller}` stand for this node's ports: further listeners go beside its own.
        **{name: value.replace("{port}", str(mine["port"])).replace("{controller}", str(mine["controller"]))
           for name, value in options.settings.get("kafka", {}).items()},
    }
    file = instance.directory / "server.properties"
    file.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
    if not (instance.directory / "data" / "meta.properties").exists():
        # One identity for all nodes of the cluster: made from what they all know. One in 64 would begin as an option does.
        identity = base64.urlsafe_b64encode(uuid.uuid5(uuid.NAMESPACE_URL, voters).bytes).decode().rstrip("=")
        identity = "A" + identity[1:] if identity.startswith("-") else identity
        run = subprocess.run([jars.java(), "-XX:TieredStopAtLevel=1", "-cp", f"{lib}/*", "kafka.tools.StorageTool",
                              "format", "-t", identity, "-c", file], stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, errors="replace", timeout=READY_SECONDS_MAX)
        if run.returncode != 0:
            raise Failure(f"{instance.name} could not format {instance.directory / 'data'}:\n{run.stderr[-2000:]}")
    return [jars.java(), "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS", "-cp", f"{lib}/*", "kafka.Kafka", file]


def ready(instance, mine):
    """Whether it answers ApiVersions (key 18, version 0): it opens its port when it has joined the cluster."""
    request = b"\x00\x12\x00\x00\x00\x00\x00\x01\x00\x05quipu"
    answer = exchange(HOST, mine["port"], len(request).to_bytes(4, "big") + request, 10)
    return len(answer) == 10 and answer[4:] == b"\x00\x00\x00\x01\x00\x00"


def address(cluster):
    return ",".join(f"{HOST}:{mine['port']}" for mine in cluster.values())
