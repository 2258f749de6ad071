"""Runs as resources: started, watched, answered, stopped, over HTTP."""

import json

import httpx2 as httpx
import pytest
from served_teams import make_asker, make_shouter

TEAMS = {"shouter": make_shouter, "asker": make_asker}


@pytest.fixture
def http(serve):
    with httpx.Client(base_url=serve(TEAMS).url, timeout=60) as client:
        yield client


def start(http, team="shouter", **more):
    response = http.post("/v1/runs", json={"team": team, "task": "go", **more})
    assert response.status_code == 202, response.text
    assert response.headers["location"] == f"/v1/runs/{response.json()['id']}"
    return response.json()["id"]


def read_stream(http, run_id, until="run_ended", **headers):
    """Return the events of a stream as triples of id, type and data, up to one of a type."""
    events, fields = [], {}
    with http.stream("GET", f"/v1/runs/{run_id}/events", headers={"Accept": "text/event-stream", **headers}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if not line:
                if fields:
                    events.append((fields.get("id"), fields["event"], json.loads(fields["data"])))
                    if events[-1][1] == until:
                        break
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
    return events


def test_a_run_and_its_events(http):
    assert [team["name"] for team in http.get("/v1/teams").json()["teams"]] == list(TEAMS)
    assert http.get("/v1/teams").json()["teams"][0]["description"] == "Says everything in capitals."
    run_id = start(http, history=[{"role": "user", "content": "before"}])
    events = read_stream(http, run_id)
    assert [kind for _, kind, _ in events][-2:] == ["chat_ended", "run_ended"]
    assert (events[-1][2]["status"], events[-1][2]["summary"]) == ("done", "GO")
    # A reader that was cut off goes on behind the last event that it has.
    again = read_stream(http, run_id, **{"Last-Event-ID": events[2][0]})
    assert again == events[3:]
    listed = http.get(f"/v1/runs/{run_id}/events", params={"after": 3}).json()
    assert [item["event"]["type"] for item in listed["events"]] == [kind for _, kind, _ in events[3:-1]]
    assert len(http.get(f"/v1/runs/{run_id}/result").json()["chat_history"]) == 3
    assert [run["id"] for run in http.get("/v1/runs").json()["runs"]] == [run_id]


def test_a_question_is_answered_once(http):
    run_id = start(http, "asker")
    assert read_stream(http, run_id, until="human_asked")[-1][2]["agent"] == "user"
    while not (questions := http.get("/v1/pending").json()["pending"]):
        pass
    [question] = questions
    assert question["run"] == run_id
    url = f"/v1/pending/{question['id']}"
    assert http.get(f"/v1/runs/{run_id}/result").status_code == 409
    assert http.post(url, json={"value": "yes", "digest": "another"}).status_code == 400
    assert http.post(url, json={"choice": "approve"}).status_code == 400
    assert http.post(url, json={"value": "yes", "digest": question["digest"]}).status_code == 202
    assert http.post(url, json={"value": "no"}).status_code == 410
    assert read_stream(http, run_id)[-1][2]["summary"] == "go / May I? / yes / TERMINATE"


def test_commands(http):
    run_id = start(http, "asker")
    read_stream(http, run_id, until="human_asked")
    assert http.post(f"/v1/runs/{run_id}/pause").json()["paused"] is True
    assert http.post(f"/v1/runs/{run_id}/resume").json()["paused"] is False
    assert http.post(f"/v1/runs/{run_id}/stop").json()["status"] == "stopped"
    assert http.post(f"/v1/runs/{run_id}/stop").json()["status"] == "stopped"
    assert http.post(f"/v1/runs/{run_id}/explode").status_code == 404


def test_a_request_that_is_sent_twice_starts_one_run(http):
    ids = {
        http.post("/v1/runs", json={"team": "shouter", "task": "x"}, headers={"Idempotency-Key": "k"}).json()["id"]
        for _ in range(2)
    }
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/runs", {"team": "shoutr", "task": "x"}, 404),
        ("/v1/runs", {"team": "shouter"}, 400),
        ("/v1/runs", {"team": "shouter", "task": "x", "deadlin": 5}, 400),
        ("/v1/runs", {"team": "shouter", "task": "x", "deadline": -5}, 400),
        ("/v1/runs", {"team": "shouter", "task": "x", "history": [5]}, 400),
        ("/v1/runs/..%2f..", {}, 404),
        ("/v1/runs/unknown/stop", {}, 404),
        ("/v1/pending/unknown", {"value": "x"}, 410),
    ],
    ids=range(8),
)
def test_mistakes_are_problem_documents(http, path, body, status):
    response = http.post(path, json=body)
    assert response.status_code == status
    if response.headers["content-type"] == "application/problem+json":
        assert response.json()["status"] == status
        assert response.json()["detail"]


def test_users_see_their_own_runs(serve):
    server = serve(TEAMS, tokens={"a": "ada", "b": "bob"})
    ada, bob = (httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}) for token in "ab")
    with ada, bob:
        run_id = start(ada, "asker")
        read_stream(ada, run_id, until="human_asked")
        assert bob.get(f"/v1/runs/{run_id}").status_code == 404
        assert bob.get("/v1/runs").json() == {"runs": []}
        assert bob.get("/v1/pending").json() == {"pending": []}
        assert bob.post(f"/v1/runs/{run_id}/stop").status_code == 404
        assert ada.post(f"/v1/runs/{run_id}/stop").status_code == 202
