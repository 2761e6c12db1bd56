from datetime import datetime
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient


def write(client: TestClient, text: str) -> str:
    answer = client.post("/v1/notes", json={"text": text})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_note_is_kept(client: TestClient) -> None:
    answer = client.post("/v1/notes", json={"text": "buy 🥛\nand bread"})
    assert answer.status_code == 201
    note = answer.json()
    assert answer.headers["location"] == f"/v1/notes/{note['id']}"
    assert note["text"] == "buy 🥛\nand bread"
    assert datetime.fromisoformat(note["created_at"]).utcoffset() is not None
    assert client.get(answer.headers["location"]).json() == note


def test_the_newest_note_comes_first(client: TestClient) -> None:
    written = [write(client, f"note {number}") for number in range(5)]
    first = client.get("/v1/notes?limit=2").json()["notes"]
    second = client.get("/v1/notes?limit=2&offset=2").json()["notes"]
    assert [note["id"] for note in first + second] == written[:0:-1]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": ""},
        {"text": 5},
        {"text": "x" * 2001},
        {"text": "a\x00b"},
        {"text": "\x1b[31mred"},
        {"text": "x", "more": 1},
        ["text"],
        None,
    ],
)
def test_what_is_no_note_is_refused(client: TestClient, body: object) -> None:
    answer = client.post("/v1/notes", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"].startswith("Unprocessable")
    assert answer.json()["detail"].startswith("body")
    assert client.get("/v1/notes").json() == {"notes": []}


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b'{"text": "\\ud800"}', b""])
def test_what_is_no_text_is_refused(client: TestClient, content: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = client.post("/v1/notes", content=content, headers=headers)
    assert answer.status_code in (400, 422)
    assert client.get("/v1/notes").json() == {"notes": []}


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "offset=-1", "limit=x"])
def test_a_page_has_limits(client: TestClient, query: str) -> None:
    assert client.get(f"/v1/notes?{query}").status_code == 422


def test_a_note_that_is_not_there(client: TestClient) -> None:
    answer = client.get(f"/v1/notes/{uuid4()}")
    assert answer.status_code == 404
    assert answer.json() == {
        "title": "Not Found",
        "status": 404,
        "detail": "there is no such note",
    }
    assert client.get("/v1/notes/1").status_code == 422
