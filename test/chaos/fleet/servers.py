"""Real Kafka, Cassandra, Redis and PostgreSQL of the run's own, by deploy/local/services; killed, stopped and begun anew."""

import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
SERVICES = ROOT / "deploy" / "local" / "services"
UP_SECONDS_MAX = 240
TOOL_SECONDS_MAX = 90
# They live for minutes: the quick compiler alone, or the first of these minutes goes into the slow one.
JVM = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}

sys.path.insert(0, str(ROOT / "deploy" / "local"))
from local_services import jars, kafka  # noqa: E402  (the path is set just above)


class Servers:
    """The servers in one directory. `address` has their addresses by name: kafka, cassandra, redis, postgres.
    `settings`: lines of their configuration, as `kafka.NAME=VALUE`. `java`: of the environment."""

    def __init__(self, directory, brokers=1, settings=(), java=JVM, cassandra=1):
        self.directory = pathlib.Path(directory)
        self.brokers = brokers
        self.cassandra = cassandra
        self.settings = [word for setting in settings for word in ("--set", setting)]
        self.java = java
        self.address = {}

    def run(self, verb, *words):
        done = subprocess.run([sys.executable, str(SERVICES), verb, "--dir", str(self.directory), *words],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=UP_SECONDS_MAX, check=False, env={**os.environ, **self.java})
        if done.returncode != 0:
            raise AssertionError(f"services {verb} {' '.join(words)}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def up(self, *only):
        """Starts what does not run yet; each comes back on its own port, with its data."""
        names = ["--only", ",".join(only)] if only else []
        for line in self.run("up", "--brokers", str(self.brokers), "--cassandra", str(self.cassandra), *self.settings,
                             *names).splitlines():
            name, _, value = shlex.split(line)[0].partition("=")
            self.address[name.removeprefix("QUIPU_TEST_").lower()] = value

    def kill(self, *only):
        """SIGKILL."""
        self.run("down", "--kill", "--only", ",".join(only))

    def down(self, purge=True):
        """Ends all of them, by SIGKILL: nobody needs their data any more."""
        self.run("down", "--kill", *(["--purge"] if purge else []))

    def pid(self, name):
        return int((self.directory / name / "pid").read_text().split()[0])

    def stop(self, name):
        """SIGSTOP: it keeps its connections and says nothing."""
        os.kill(self.pid(name), signal.SIGSTOP)

    def go_on(self, name):
        os.kill(self.pid(name), signal.SIGCONT)

    def port(self, name):
        return int(self.address[name].split(",")[0].rpartition(":")[2])

    def kafka_tool(self, tool, *words):
        """Runs one of Kafka's own command-line tools on these brokers; returns what it said."""
        return self.kafka_program(tool, "--bootstrap-server", self.address["kafka"], *words)

    @staticmethod
    def kafka_program(tool, *words):
        """The same without the brokers, which some of the tools take in another way. `tool`: a class among Kafka's tools, or,
        with `kafka.` in front, elsewhere."""
        lib = jars.fetch(jars.default_cache(), f"kafka-{kafka.VERSION}", kafka.ARTIFACTS, lambda text: None)
        command = [jars.java(), "-XX:TieredStopAtLevel=1", "-cp", f"{lib}/*", tool if tool.startswith("kafka.") else f"org.apache.kafka.tools.{tool}", *words]
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=TOOL_SECONDS_MAX, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{tool} {' '.join(map(str, words))}: {done.stdout[-1500:]}")
        return done.stdout

    def trim_topic(self, topic, offsets):
        """Removes the records below an offset of each partition: {partition: offset}."""
        wish = self.directory / f"trim-{topic}.json"
        wish.write_text(json.dumps({"version": 1, "partitions": [
            {"topic": topic, "partition": partition, "offset": offset} for partition, offset in offsets.items()]}))
        return self.kafka_tool("DeleteRecordsCommand", "--offset-json-file", wish)


class OwnServers(Servers):
    """`with`: servers of one scenario alone, of one kind; none of them outlives it. `name` tells two of a kind apart."""

    def __init__(self, context, kind, name="own", **more):
        super().__init__(context.directory / f"{name}-{kind}", **more)
        self.kind = kind

    def __enter__(self):
        try:
            self.up(self.kind)
        except BaseException:  # Whatever it is, no server outlives it.
            self.down()
            raise
        return self

    def __exit__(self, *_):
        self.down()
