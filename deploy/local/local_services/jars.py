"""Programs that come as jars, fetched once by Maven into a cache."""

import fcntl
import os
import pathlib
import shutil
import subprocess
import tempfile

from .process import Failure

MAVEN_SECONDS_MAX = 600
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>quipu.local</groupId><artifactId>{name}</artifactId><version>1</version>
  <dependencies>{dependencies}
  </dependencies>
</project>
"""
DEPENDENCY = """
    <dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"""


def default_cache():
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "quipu" / "services"


def java():
    """The path of a Java 17 or newer."""
    path = shutil.which("java")
    if not path:
        raise Failure("there is no java: tools/install services")
    return path


def fetch(cache, name, artifacts, say):
    """The directory of all jars of `artifacts` ("group:artifact:version"); whole, or not there at all."""
    lib = cache / name
    if lib.is_dir():
        return lib
    if not shutil.which("mvn"):
        raise Failure("there is no mvn: tools/install services")
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if lib.is_dir():
            return lib
        say(f"fetching {name} into {cache}")
        with tempfile.TemporaryDirectory(dir=cache, prefix=f".{name}.") as work:
            dependencies = "".join(DEPENDENCY.format(*artifact.split(":")) for artifact in artifacts)
            pathlib.Path(work, "pom.xml").write_text(POM.format(name=name, dependencies=dependencies))
            # -C: a jar whose checksum is wrong is an error.
            command = ["mvn", "-q", "-B", "-C", "dependency:copy-dependencies", "-DoutputDirectory=lib"]
            try:
                run = subprocess.run(command, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                     errors="replace", timeout=MAVEN_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                raise Failure(f"Maven did not fetch {name} within {MAVEN_SECONDS_MAX} s") from None
            if run.returncode != 0:
                said = "\n".join((run.stdout + run.stderr).strip().splitlines()[-25:])
                raise Failure(f"Maven could not fetch {name}:\n{said}")
            os.chmod(pathlib.Path(work, "lib"), 0o755)
            os.rename(pathlib.Path(work, "lib"), lib)
    return lib
