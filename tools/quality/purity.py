"""What may not stand in a pure file: a simulator could not drive it, and a test could not repeat it."""

import fnmatch
import re

from .sources import Finding, includes, without_comments_and_strings

TABLE_PAGE = "src/README.md"
ROW = re.compile(r"^\|\s*pure\s*\|(?P<files>[^|]*)\|(?P<except>[^|]*)\|\s*$", re.MULTILINE)

BANNED_HEADERS = {
    r"(thread|mutex|shared_mutex|condition_variable|future|stop_token|semaphore|latch|barrier)":
        "a pure file has one owner thread; threads and locks belong in a shell",
    r"(fstream|filesystem|cstdio|stdio\.h|iostream|fcntl\.h|unistd\.h|sys/(stat|mman|file|uio|types)\.h|linux/.*)":
        "a pure file takes and gives bytes; files belong in a shell",
    r"(sys/(socket|epoll|eventfd)\.h|netinet/.*|arpa/.*|poll\.h|boost/asio.*|openssl/(?!(crypto|evp|hmac)\.h).*)":
        "a pure file takes and gives bytes; sockets belong in a shell",
    # <random> is fine: its engines take a seed; random_device is caught below.
    r"(ctime|time\.h|sys/time\.h)": "take the time as an argument (TimeMs)",
    r"(rocksdb|spdlog|prometheus|CLI|toml\+\+)/.*": "libraries with threads or files belong in a shell",
}
BANNED_CODE = {
    r"\b(system|steady|high_resolution|utc|file)_clock\b": "take the time as an argument (TimeMs)",
    r"\b(clock_gettime|gettimeofday|std::time|time)\s*\(\s*(nullptr|NULL|0|CLOCK_\w+|&)": "take the time as an argument (TimeMs)",
    r"\bstd::(jthread|thread|this_thread|mutex|scoped_lock|lock_guard|unique_lock|async|condition_variable\w*)\b":
        "a pure file has one owner thread; threads and locks belong in a shell",
    r"\bthread_local\b": "a pure file has one owner thread",
    r"(\bstd::|(?<![\w.>:]))s?rand\s*\(|\brandom_device\b|\bgetrandom\s*\(": "take a seed or random bytes as an argument",
    r"\b(secure_)?getenv\s*\(": "take the setting as an argument; src/cli reads the environment",
    r"\b(usleep|nanosleep|sleep_for|sleep_until)\b": "a pure file does not wait: it returns and is called again",
    r"\b(std::)?(fopen|ifstream|ofstream|fstream)\b|(?<!\w)::(open|openat|read|write|pread|pwrite|fsync|fdatasync|close)\s*\(":
        "a pure file takes and gives bytes; files belong in a shell",
    r"\basio::|(?<!\w)::(socket|connect|accept|bind|listen|send|recv|epoll_\w+)\s*\(":
        "a pure file takes and gives bytes; sockets belong in a shell",
}
_HEADERS = [(re.compile(pattern + "$"), why) for pattern, why in BANNED_HEADERS.items()]
_CODE = [(re.compile(pattern), why) for pattern, why in BANNED_CODE.items()]


def pure_files(tree):
    """The files of src/ that the page calls pure."""
    files = []
    for match in ROW.finditer(tree.text(TABLE_PAGE) if TABLE_PAGE in tree else ""):
        patterns = re.findall(r"`([^`]+)`", match["files"])
        exceptions = re.findall(r"`([^`]+)`", match["except"])
        for path in tree.paths("src/", (".h", ".cc")):
            name = path.removeprefix("src/")
            if any(fnmatch.fnmatch(name, pattern) for pattern in patterns) and not any(
                    fnmatch.fnmatch(name, pattern) for pattern in exceptions):
                files.append(path)
    return sorted(set(files))


def check(tree):
    files = pure_files(tree)
    if not files:
        yield Finding(TABLE_PAGE, 0, "names no pure files: a row `| pure | ... | ... |` is missing")
    for path in files:
        text = tree.text(path)
        for line, _, target in includes(text):
            for pattern, why in _HEADERS:
                if pattern.match(target):
                    yield Finding(path, line, f"<{target}> in a pure file: {why}")
        for number, line in enumerate(without_comments_and_strings(text).splitlines(), 1):
            if line.lstrip().startswith("#"):
                continue
            for pattern, why in _CODE:
                match = pattern.search(line)
                if match:
                    yield Finding(path, number, f"{match[0].strip()} in a pure file: {why}")
