"""Counters of one owner that are also set and reset: after each answer the owner knows exactly what they must be."""

import json

from .ledger import Register
from .wire import Http, RespError, quote

ROUTES = ("INCRBY", "INCRBY", "GET", "SET", "SET NX", "SET XX", "DEL", "DEL", "GETDEL", "POST", "DELETE", "POST with id")


class Unanswered(Exception):
    """The answer was busy or unknown: no value to go by."""

    def __init__(self, happened):
        super().__init__(happened)
        self.happened = happened  # True where it may have happened.


class RegisterUser:
    """Drives a few registers, one request at a time; each request has one effect on a known value, or is unknown."""

    def __init__(self, ledger, random, number, count=6):
        self.ledger = ledger
        self.random = random
        self.registers = [Register(b"%s-register-%d-%d" % (ledger.prefix, number, n)) for n in range(count)]
        ledger.registers += self.registers
        self.http = None
        self.step_number = 0
        self.again = None  # (register, delta, id, what the register may be afterwards) of a POST without an answer.

    def connect(self, server):
        if self.http:
            self.http.close()
        self.http = Http(server.http_port)

    def step(self, resp):
        if self.again:
            self.send_again()
            return
        register = self.random.choice(self.registers)
        route = self.random.choice(ROUTES)
        number = self.random.randint(-1000, 10**12)
        self.step_number += 1
        before = set(register.possible)
        effect = {
            "GET": lambda value: value,
            "SET": lambda value: number,
            "SET NX": lambda value: number if value is None else value,
            "SET XX": lambda value: None if value is None else number,
            "DEL": lambda value: None,
            "GETDEL": lambda value: None,
            "DELETE": lambda value: None,
        }.get(route, lambda value: (value or 0) + number)
        after = {effect(value) for value in before}
        register.possible = before | after
        try:
            if route == "POST with id":
                self.again = (register, number, f"{register.name.decode()}:{self.step_number}", after)
                self.send_again()
                return
            self.perform(resp, register, route, number, before)
        except Unanswered as unanswered:
            if not unanswered.happened:
                register.possible = before
            return
        register.possible = after
        if route != "GET" and self.random.random() < 0.3:
            self.look(resp, register)

    def send_again(self):
        """The POST with an id whose fate is unknown, or which was never sent: once acknowledged, it counted once."""
        register, number, identity, after = self.again
        register.possible = register.possible | after
        try:
            self.post(register, number, identity)
        except Unanswered:
            return
        register.possible = after
        self.again = None

    def perform(self, resp, register, route, number, before):
        """Sends it and checks the answer against what the register was."""
        name = register.name
        if route == "POST":
            self.post(register, number, None)
            return
        if route == "DELETE":
            answer = self.http.call("DELETE", f"/v1/counters/default/{quote(name)}")
            self.settle_http(answer, 200)
            if answer.json().get("existed", True) not in {value is not None for value in before}:
                self.ledger.violate(f"DELETE of {name!r}, which was one of {before}, answered {answer!r}")
            return
        words, expected = {
            "INCRBY": (("INCRBY", name, number), {(value or 0) + number for value in before}),
            "GET": (("GET", name), {text(value) for value in before}),
            "SET": (("SET", name, number), {"OK"}),
            "SET NX": (("SET", name, number, "NX"), {"OK" if value is None else None for value in before}),
            "SET XX": (("SET", name, number, "XX"), {None if value is None else "OK" for value in before}),
            "DEL": (("DEL", name), {0 if value is None else 1 for value in before}),
            "GETDEL": (("GETDEL", name), {text(value) for value in before}),
        }[route]
        reply = resp.call(*words)
        if isinstance(reply, RespError):
            if reply.kind in ("BUSY", "UNKNOWN"):
                raise Unanswered(reply.kind == "UNKNOWN")
            raise AssertionError(f"{words} answered {reply.text!r}")
        if reply not in expected:
            self.ledger.violate(f"{words} answered {reply!r}; possible was {expected}")

    def post(self, register, delta, identity):
        body = {"delta": delta} | ({"id": identity} if identity else {})
        answer = self.http_post(f"/v1/counters/default/{quote(register.name)}", body)
        self.settle_http(answer, 202)

    def http_post(self, target, body):
        return self.http.call("POST", target, json.dumps(body).encode(), (("Content-Type", "application/json"),))

    @staticmethod
    def settle_http(answer, status):
        outcome = answer.outcome()
        if outcome in ("busy", "unknown"):
            raise Unanswered(outcome == "unknown")
        if answer.status != status:
            raise AssertionError(f"answered {answer!r}, expected {status}")

    def look(self, resp, register):
        reply = resp.call("GET", register.name)
        if isinstance(reply, RespError):
            if reply.kind not in ("BUSY", "UNKNOWN"):
                self.ledger.violate(f"GET of a register answered {reply.text!r}")
            return
        value = None if reply is None else int(reply)
        if value not in register.possible:
            self.ledger.violate(f"register {register.name!r} shows {value}, possible is {register.possible}")


def text(value):
    """A value as GET answers it."""
    return None if value is None else b"%d" % value
