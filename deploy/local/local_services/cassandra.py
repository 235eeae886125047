"""Apache Cassandra: each node on a loopback address of its own, all with the same ports, as drivers expect it."""

import signal

from . import jars
from .process import Failure, exchange, free_port

VERSION = "5.0.5"
ARTIFACTS = [f"org.apache.cassandra:cassandra-all:{VERSION}"]
STOP = signal.SIGTERM
READY_SECONDS_MAX = 180

YAML = """cluster_name: quipu-local
num_tokens: 1
initial_token: {token}
auto_bootstrap: false
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
commitlog_sync: periodic
commitlog_sync_period: 10000ms
data_file_directories: ["{data}/data"]
commitlog_directory: "{data}/commitlog"
saved_caches_directory: "{data}/saved_caches"
hints_directory: "{data}/hints"
cdc_raw_directory: "{data}/cdc_raw"
endpoint_snitch: SimpleSnitch
listen_address: {host}
rpc_address: {host}
storage_port: {storage}
native_transport_port: {port}
auto_snapshot: false
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: "{seeds}"}}]
"""
LOGBACK = """<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{ISO8601} %-5level %logger{20} %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
"""
EXPORTS = """java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/sun.nio.ch
java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry java.rmi/sun.rmi.server
java.rmi/sun.rmi.transport.tcp java.sql/java.sql jdk.unsupported/sun.misc""".split()
OPENS = """java.base/java.lang java.base/java.lang.module java.base/java.io java.base/java.nio java.base/java.util
java.base/java.util.concurrent java.base/java.util.concurrent.atomic java.base/jdk.internal.loader
java.base/jdk.internal.ref java.base/jdk.internal.reflect java.base/jdk.internal.math java.base/jdk.internal.module
java.base/jdk.internal.util.jar java.base/sun.nio.ch jdk.management/com.sun.management.internal""".split()


def names(options):
    return [f"cassandra-{node}" for node in range(1, options.cassandra + 1)]


def ports():
    hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    return {"port": free_port(*hosts), "storage": free_port(*hosts)}


def host(name):
    return f"127.0.0.{name.rpartition('-')[2]}"


def with_settings(yaml, settings):
    """The configuration with lines replaced or added: `settings` are names of the top level and their values as YAML."""
    lines = [line for line in yaml.splitlines() if line.partition(":")[0] not in settings]
    return "\n".join(lines + [f"{name}: {value}" for name, value in settings.items()]) + "\n"


def prepare(instance, cluster, options, say):
    """Writes the node's configuration. Tokens are given and every node is a seed, so that none waits for another."""
    lib = jars.fetch(options.cache, f"cassandra-{VERSION}", ARTIFACTS, say)
    jamm = next(lib.glob("jamm-*.jar"), None)
    if not jamm:
        raise Failure(f"there is no jamm in {lib}: remove that directory, it is fetched again")
    number, mine = int(instance.name.rpartition("-")[2]), cluster[instance.name]
    directory = instance.directory
    yaml = YAML.format(
        token=-(2 ** 63) + 1 + (number - 1) * (2 ** 64 // len(cluster)), data=directory / "data", host=host(instance.name),
        seeds=",".join(f"{host(name)}:{mine['storage']}" for name in cluster), storage=mine["storage"], port=mine["port"])
    (directory / "cassandra.yaml").write_text(with_settings(yaml, options.settings.get("cassandra", {})))
    (directory / "logback.xml").write_text(LOGBACK)
    modules = ["-Djdk.attach.allowAttachSelf=true"]
    modules += [f"--add-exports={module}=ALL-UNNAMED" for module in EXPORTS]
    modules += [f"--add-opens={module}=ALL-UNNAMED" for module in OPENS]
    (directory / "modules").write_text("\n".join(modules) + "\n")
    return [jars.java(), f"@{directory / 'modules'}", "-Xms512m", "-Xmx1g" if len(cluster) == 1 else "-Xmx640m",
            "-XX:+UseSerialGC", f"-javaagent:{jamm}", f"-Dcassandra.config=file://{directory / 'cassandra.yaml'}",
            f"-Dlogback.configurationFile={directory / 'logback.xml'}", f"-Dcassandra.storagedir={directory / 'data'}",
            "-Dcassandra.ring_delay_ms=0", "-Dcassandra.skip_wait_for_gossip_to_settle=0", "-cp",
            f"{directory}:{lib}/*", "org.apache.cassandra.service.CassandraDaemon"]


def ready(instance, mine):
    """Whether it answers OPTIONS of the native protocol with SUPPORTED, in plain text or over TLS."""
    for tls in (False, True):
        answer = exchange(host(instance.name), mine["port"], b"\x04\x00\x00\x00\x05\x00\x00\x00\x00", 9, tls)
        if len(answer) == 9 and answer[4] == 6:
            return True
    return False


def address(cluster):
    return ",".join(f"{host(name)}:{mine['port']}" for name, mine in cluster.items())
