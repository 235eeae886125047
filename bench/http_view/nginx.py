"""nginx with one worker that answers 202 and counts nothing: what HTTP alone costs."""

from harness.rounds import Subject
from harness.servers import Nginx

SETTINGS = {
    "main": ["worker_processes 1", "user root"],
    "events": ["worker_connections 4096"],
    "http": ["access_log off", "keepalive_requests 1000000000", "keepalive_timeout 300s"],
    "server": "location = /view { return 202; }",
}
SUBJECT = Subject("nginx", "nginx, return 202", SETTINGS, lambda context: Nginx(context, SETTINGS))
