"""The model of the architecture beside the process that runs, both ways, over the wire."""

from harness.context import eventually, expect, expect_equal

JSON = (("Content-Type", "application/json"),)
PARTS = {"container", "component", "database", "queue"}


def edges(http):
    """What has crossed each edge."""
    return {(edge["from"], edge["to"]): edge["count"] for edge in http.json("GET", "/v1/stats")["edges"]}


def model_and_process(context):
    """What architecture.sruja says runs, and what runs says it is; with fewer aggregators the process says so."""
    with context.server() as server:
        server.start()
        with server.http() as http:
            model = http.json("GET", "/v1/architecture")
            stats = http.json("GET", "/v1/stats")
            expect_equal(model["differences"], [], "the process's own comparison")
            said = {item["id"]: item for item in model["elements"] if item["kind"] in PARTS}
            runs = {part["id"]: part for part in stats["parts"]}
            expect_equal(set(said), set(runs), "containers")
            for name, part in runs.items():
                expect_equal((part["kind"], part["technology"]), (said[name]["kind"], said[name]["built_of"]), name)
                scale = said[name].get("scale", {"min": 1, "max": 1})
                expect(scale["min"] <= part["instances"] <= scale["max"], f"{name} runs {part['instances']} times")
            expect_equal(said["CounterService.Worker"]["scale"]["min"], 5, "the least number of aggregators")
            expect_equal({(one["from"], one["to"]) for one in model["relations"]},
                         {(edge["from"], edge["to"]) for edge in stats["edges"]}, "relations")
    with context.server(data=context.directory / "few", settings={"log.partitions": 4}) as server:
        server.start()
        with server.http() as http:
            differences = http.json("GET", "/v1/architecture")["differences"]
        expect_equal(len(differences), 1, f"differences with four partitions: {differences}")
        expect("at least 5 times" in differences[0] and differences[0] in server.output(), server.output())


def model_scenario(context):
    """TrackView, run: each edge that it names counts, and a miss is a miss."""
    with context.server(settings={"flush.interval": "50ms"}) as server:
        server.start()
        with server.http() as http:
            steps = [(step["from"], step["to"]) for scenario in http.json("GET", "/v1/architecture")["scenarios"]
                     if scenario["id"] == "TrackView" for step in scenario["steps"]]
            expect(len(steps) >= 6, f"the scenario's steps: {steps}")
            before = edges(http)
            expect(all(before[edge] == 0 for edge in steps if edge in before), f"before anything: {before}")
            answer = http.call("POST", "/view", b'{"video_id":"cat"}', JSON)
            expect_equal((answer.status, answer.json()["value"]), (202, 1), "POST /view")
            expect_equal(http.json("GET", "/v1/counters/views/cat")["value"], 1, "the counter")
            along = [edge for edge in steps if edge in before]
            back = [edge for edge in steps if edge not in before]
            expect(all((to, start) in before for start, to in back), f"steps that are neither edges nor replies: {back}")
            eventually(lambda: all(edges(http)[edge] > 0 for edge in along), 20, f"each of {along} counts")
            expect_equal(edges(http)[("CounterService.API", "CounterService.Cache")], 1, "reads")


TESTS = [("model-and-process", model_and_process), ("model-scenario", model_scenario)]
