"""The operations by redis-py, in RESP2 or RESP3: prints one line for each, the same for every Redis."""

import sys

import redis


def show(name, call):
    try:
        print(name, repr(call()))
    except redis.RedisError as error:
        print(name, type(error).__name__, str(error))


def main(port, protocol):
    client = redis.Redis("127.0.0.1", port, protocol=protocol)
    show("ping", client.ping)
    show("echo", lambda: client.echo("hällo"))
    show("flushall", client.flushall)
    show("dbsize", client.dbsize)
    show("incr", lambda: client.incr("a"))
    show("incr 41", lambda: client.incr("a", 41))
    show("incrby", lambda: client.incrby("a", -2))
    show("decr", lambda: client.decr("a"))
    show("decr 9", lambda: client.decr("a", 9))
    show("decrby new", lambda: client.decrby("b", 7))
    show("get", lambda: client.get("a"))
    show("get absent", lambda: client.get("none"))
    show("set", lambda: client.set("c", 100))
    show("set nx", lambda: client.set("c", 1, nx=True))
    show("set xx", lambda: client.set("none", 1, xx=True))
    show("set nx new", lambda: client.set("d", -5, nx=True))
    show("mget", lambda: client.mget("a", "none", "c", "d"))
    show("exists", lambda: client.exists("a", "b", "none", "a"))
    show("type", lambda: client.type("a"))
    show("type absent", lambda: client.type("none"))
    show("strlen", lambda: client.strlen("c"))
    show("dbsize", client.dbsize)
    show("keys by scan", lambda: sorted(client.scan_iter(count=2)))
    show("keys by pattern", lambda: sorted(client.scan_iter(match="[ab]*")))
    show("getdel", lambda: client.getdel("d"))
    show("getdel absent", lambda: client.getdel("d"))
    show("delete", lambda: client.delete("b", "none"))
    show("unlink", lambda: client.unlink("c"))
    show("binary", lambda: client.incr(b"\x00\xff\r\n"))
    show("binary get", lambda: client.get(b"\x00\xff\r\n"))
    show("views", lambda: client.incr("views:video 1"))
    show("set largest", lambda: client.set("big", 2**63 - 1))
    show("overflow", lambda: client.incr("big"))
    show("largest stays", lambda: client.get("big"))
    show("not an integer", lambda: client.execute_command("INCRBY", "a", "1.5"))
    show("too large", lambda: client.execute_command("INCRBY", "a", 2**63))
    show("arguments", lambda: client.execute_command("INCR"))
    show("unknown", lambda: client.execute_command("NOSUCHCOMMAND", "x"))
    with client.pipeline(transaction=True) as pipeline:
        show("transaction", pipeline.incr("t").incr("t", 10).get("t").decr("u").execute)
    with client.pipeline(transaction=False) as pipeline:
        show("pipeline", pipeline.incr("t").get("none").exists("t").execute)
    with client.pipeline(transaction=True) as pipeline:
        show("failing transaction", lambda: pipeline.incr("t").incr("big").incr("t").execute(raise_on_error=False))
    show("after it", lambda: client.get("t"))
    show("client setname", lambda: client.client_setname("tests"))
    show("client getname", client.client_getname)
    show("select", lambda: client.execute_command("SELECT", 0))
    show("dbsize", client.dbsize)


main(int(sys.argv[1]), int(sys.argv[2]))
