"""Contenders that several questions have in common."""

from .rounds import Subject
from .servers import Quipu, Redis


def quipu(name="quipu", title="Quipu, durable", **settings):
    """Our program. A dot in a setting's name is written as two underscores."""
    settings = {key.replace("__", "."): value for key, value in settings.items()}
    return Subject(name, title, settings, lambda context: Quipu(context, settings))


def redis(name, title, **settings):
    return Subject(name, title, settings, lambda context: Redis(context, settings))


def redis_aof_always():
    """Redis that keeps the same promise: a reply leaves after the append-only file was synced."""
    return redis("redis-aof-always", "Redis, AOF always", save="", appendonly="yes", appendfsync="always")


def redis_unsaved():
    """Redis that promises nothing: what it counted is in memory alone."""
    return redis("redis-unsaved", "Redis, nothing persisted", save="", appendonly="no")
