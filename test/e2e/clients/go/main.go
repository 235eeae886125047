// The operations by go-redis: prints one line for each, the same for every Redis.
package main

import (
	"context"
	"fmt"
	"os"
	"sort"

	"github.com/redis/go-redis/v9"
)

func main() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + os.Args[1], MaxRetries: -1})
	defer client.Close()
	show := func(name string, value any, err error) {
		if err != nil {
			fmt.Println(name, "error", err)
			return
		}
		fmt.Printf("%s %q\n", name, fmt.Sprint(value))
	}
	number := func(name string, reply *redis.IntCmd) { show(name, reply.Val(), reply.Err()) }
	text := func(name string, reply *redis.StringCmd) { show(name, reply.Val(), reply.Err()) }
	status := func(name string, reply *redis.StatusCmd) { show(name, reply.Val(), reply.Err()) }
	keys := func(name, pattern string) {
		var found []string
		scan := client.Scan(ctx, 0, pattern, 2).Iterator()
		for scan.Next(ctx) {
			found = append(found, scan.Val())
		}
		sort.Strings(found)
		show(name, found, scan.Err())
	}
	status("ping", client.Ping(ctx))
	text("echo", client.Echo(ctx, "hällo"))
	status("flushall", client.FlushAll(ctx))
	number("dbsize", client.DBSize(ctx))
	number("incr", client.Incr(ctx, "a"))
	number("incrby", client.IncrBy(ctx, "a", 41))
	number("incrby negative", client.IncrBy(ctx, "a", -2))
	number("decr", client.Decr(ctx, "a"))
	number("decrby", client.DecrBy(ctx, "a", 9))
	number("decrby new", client.DecrBy(ctx, "b", 7))
	text("get", client.Get(ctx, "a"))
	text("get absent", client.Get(ctx, "none"))
	status("set", client.Set(ctx, "c", 100, 0))
	nx := client.SetNX(ctx, "c", 1, 0)
	show("set nx", nx.Val(), nx.Err())
	xx := client.SetXX(ctx, "none", 1, 0)
	show("set xx", xx.Val(), xx.Err())
	fresh := client.SetNX(ctx, "d", -5, 0)
	show("set nx new", fresh.Val(), fresh.Err())
	many := client.MGet(ctx, "a", "none", "c", "d")
	show("mget", many.Val(), many.Err())
	number("exists", client.Exists(ctx, "a", "b", "none", "a"))
	status("type", client.Type(ctx, "a"))
	status("type absent", client.Type(ctx, "none"))
	number("strlen", client.StrLen(ctx, "c"))
	number("dbsize", client.DBSize(ctx))
	keys("keys by scan", "*")
	keys("keys by pattern", "[ab]*")
	text("getdel", client.GetDel(ctx, "d"))
	text("getdel absent", client.GetDel(ctx, "d"))
	number("del", client.Del(ctx, "b", "none"))
	number("unlink", client.Unlink(ctx, "c"))
	number("binary", client.Incr(ctx, "\x00\xff\r\n"))
	text("binary get", client.Get(ctx, "\x00\xff\r\n"))
	number("views", client.Incr(ctx, "views:video 1"))
	status("set largest", client.Set(ctx, "big", int64(1<<63-1), 0))
	number("overflow", client.Incr(ctx, "big"))
	text("largest stays", client.Get(ctx, "big"))
	for _, command := range [][]any{
		{"INCRBY", "a", "1.5"}, {"INCRBY", "a", "9223372036854775808"}, {"INCR"}, {"NOSUCHCOMMAND", "x"}} {
		reply := client.Do(ctx, command...)
		show(fmt.Sprint(command), reply.Val(), reply.Err())
	}
	all := func(name string, replies []redis.Cmder, err error) {
		show(name, "", err)
		for _, reply := range replies {
			fmt.Printf("  %q\n", reply.String())
		}
	}
	replies, err := client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Incr(ctx, "t")
		pipe.IncrBy(ctx, "t", 10)
		pipe.Get(ctx, "t")
		pipe.Decr(ctx, "u")
		return nil
	})
	all("transaction", replies, err)
	replies, err = client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Incr(ctx, "t")
		pipe.Get(ctx, "t")
		pipe.Exists(ctx, "t")
		return nil
	})
	all("pipeline", replies, err)
	replies, err = client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Incr(ctx, "t")
		pipe.Incr(ctx, "big")
		pipe.Incr(ctx, "t")
		return nil
	})
	all("failing transaction", replies, err)
	text("after it", client.Get(ctx, "t"))
	number("dbsize", client.DBSize(ctx))
}
