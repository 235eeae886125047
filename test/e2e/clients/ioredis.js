// The operations by ioredis: prints one line for each, the same for every Redis.
const Redis = require("ioredis");

async function main(port) {
  const client = new Redis(port, "127.0.0.1", { maxRetriesPerRequest: 1 });
  client.on("error", (error) => { console.log("connection", error.message); process.exit(1); });
  const plain = (value) =>
    Buffer.isBuffer(value) ? `<${value.toString("hex")}>` : value instanceof Error ? `error ${value.message}`
      : Array.isArray(value) ? value.map(plain) : value;
  const show = async (name, call) => {
    try {
      console.log(name, JSON.stringify(plain(await call())));
    } catch (error) {
      console.log(name, "error", error.message);
    }
  };
  await show("ping", () => client.ping());
  await show("echo", () => client.echo("hällo"));
  await show("flushall", () => client.flushall());
  await show("dbsize", () => client.dbsize());
  await show("incr", () => client.incr("a"));
  await show("incrby", () => client.incrby("a", 41));
  await show("incrby negative", () => client.incrby("a", -2));
  await show("decr", () => client.decr("a"));
  await show("decrby", () => client.decrby("a", 9));
  await show("decrby new", () => client.decrby("b", 7));
  await show("get", () => client.get("a"));
  await show("get buffer", () => client.getBuffer("a"));
  await show("get absent", () => client.get("none"));
  await show("set", () => client.set("c", 100));
  await show("set nx", () => client.set("c", 1, "NX"));
  await show("set xx", () => client.set("none", 1, "XX"));
  await show("set nx new", () => client.set("d", -5, "NX"));
  await show("mget", () => client.mget("a", "none", "c", "d"));
  await show("exists", () => client.exists("a", "b", "none", "a"));
  await show("type", () => client.type("a"));
  await show("type absent", () => client.type("none"));
  await show("strlen", () => client.strlen("c"));
  await show("dbsize", () => client.dbsize());
  await show("keys by scan", async () => {
    const found = [];
    for await (const keys of client.scanStream({ count: 2 })) found.push(...keys);
    return found.sort();
  });
  await show("keys by pattern", async () => {
    const found = [];
    for await (const keys of client.scanStream({ match: "[ab]*" })) found.push(...keys);
    return found.sort();
  });
  await show("getdel", () => client.getdel("d"));
  await show("getdel absent", () => client.getdel("d"));
  await show("del", () => client.del("b", "none"));
  await show("unlink", () => client.unlink("c"));
  await show("binary", () => client.incr(Buffer.from([0, 255, 13, 10])));
  await show("binary get", () => client.getBuffer(Buffer.from([0, 255, 13, 10])));
  await show("views", () => client.incr("views:video 1"));
  await show("set largest", () => client.set("big", "9223372036854775807"));
  await show("overflow", () => client.incr("big"));
  await show("largest stays", () => client.get("big"));
  await show("not an integer", () => client.incrby("a", "1.5"));
  await show("too large", () => client.incrby("a", "9223372036854775808"));
  await show("arguments", () => client.call("INCR"));
  await show("unknown", () => client.call("NOSUCHCOMMAND", "x"));
  await show("transaction", () => client.multi().incr("t").incrby("t", 10).get("t").decr("u").exec());
  await show("pipeline", () => client.pipeline().incr("t").get("none").exists("t").exec());
  await show("failing transaction", () => client.multi().incr("t").incr("big").incr("t").exec());
  await show("after it", () => client.get("t"));
  await show("many at once", async () => {
    const values = await Promise.all(Array.from({ length: 100 }, () => client.incr("many")));
    return [values[0], values[99]];
  });
  await show("client setname", () => client.client("SETNAME", "tests"));
  await show("client getname", () => client.client("GETNAME"));
  await show("dbsize", () => client.dbsize());
  await client.quit();
}

main(Number(process.argv[2]));
