# The operations by redis-rb: prints one line for each, the same for every Redis.
require "redis"

client = Redis.new(host: "127.0.0.1", port: Integer(ARGV[0]), reconnect_attempts: 0)

def show(name)
  puts "#{name} #{yield.inspect}"
rescue Redis::CommandError => error
  puts "#{name} error #{error.message}"
end

show("ping") { client.ping }
show("echo") { client.echo("h\u00e4llo") }
show("flushall") { client.flushall }
show("dbsize") { client.dbsize }
show("incr") { client.incr("a") }
show("incrby") { client.incrby("a", 41) }
show("incrby negative") { client.incrby("a", -2) }
show("decr") { client.decr("a") }
show("decrby") { client.decrby("a", 9) }
show("decrby new") { client.decrby("b", 7) }
show("get") { client.get("a") }
show("get absent") { client.get("none") }
show("set") { client.set("c", 100) }
show("set nx") { client.set("c", 1, nx: true) }
show("set xx") { client.set("none", 1, xx: true) }
show("set nx new") { client.set("d", -5, nx: true) }
show("set get") { client.set("d", -6, get: true) }
show("mget") { client.mget("a", "none", "c", "d") }
show("exists") { client.exists("a", "b", "none", "a") }
show("type") { client.type("a") }
show("type absent") { client.type("none") }
show("strlen") { client.strlen("c") }
show("dbsize") { client.dbsize }
show("keys by scan") { client.scan_each(count: 2).to_a.uniq.sort }
show("keys by pattern") { client.scan_each(match: "[ab]*").to_a.uniq.sort }
show("getdel") { client.getdel("d") }
show("getdel absent") { client.getdel("d") }
show("del") { client.del("b", "none") }
show("unlink") { client.unlink("c") }
show("binary") { client.incr("\x00\xff\r\n".b) }
show("binary get") { client.get("\x00\xff\r\n".b) }
show("views") { client.incr("views:video 1") }
show("set largest") { client.set("big", 2**63 - 1) }
show("overflow") { client.incr("big") }
show("largest stays") { client.get("big") }
show("not an integer") { client.call("INCRBY", "a", "1.5") }
show("too large") { client.call("INCRBY", "a", 2**63) }
show("arguments") { client.call("INCR") }
show("unknown") { client.call("NOSUCHCOMMAND", "x") }
show("transaction") { client.multi { |one| one.incr("t"); one.incrby("t", 10); one.get("t"); one.decr("u") } }
show("pipeline") { client.pipelined { |one| one.incr("t"); one.get("none"); one.exists("t") } }
show("failing transaction") { client.multi { |one| one.incr("t"); one.incr("big"); one.incr("t") } }
show("after it") { client.get("t") }
show("discarded") { client.multi { |one| one.incr("t"); raise Redis::CommandError, "given up" } }
show("after that") { client.get("t") }
show("client setname") { client.client(:setname, "tests") }
show("client getname") { client.client(:getname) }
show("select") { client.select(0) }
show("dbsize") { client.dbsize }
client.close
