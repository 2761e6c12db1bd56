import assert from "node:assert/strict";
import { test } from "node:test";

import { InvalidNote, maxList, maxText, MemoryStore, NoteNotFound, Notes } from "../src/notes.js";

test("what is created is read", async () => {
  const notes = new Notes(new MemoryStore());
  const made = await notes.create("buy milk");
  assert.equal(made.text, "buy milk");
  assert.deepEqual(await notes.get(made.id), made);
});

test("the newest come first", async () => {
  const notes = new Notes(new MemoryStore());
  for (const text of ["one", "two", "three"]) await notes.create(text);
  assert.deepEqual((await notes.list(2)).map((n) => n.text), ["three", "two"]);
});

test("lists are bounded", async () => {
  const notes = new Notes(new MemoryStore());
  for (let i = 0; i <= maxList; i++) await notes.create("x");
  for (const [limit, length] of [[-1, 1], [0, 1], [7, 7], [1e9, maxList]] as const) {
    assert.equal((await notes.list(limit)).length, length);
  }
});

test("invalid texts", async () => {
  const notes = new Notes(new MemoryStore());
  for (const text of ["", "x".repeat(maxText + 1), "é".repeat(maxText / 2 + 1), "a\0b", "\ud800"]) {
    await assert.rejects(notes.create(text), InvalidNote);
  }
  assert.deepEqual(await notes.list(maxList), []);
  await notes.create("é".repeat(maxText / 2));
});

test("unknown ids", async () => {
  const notes = new Notes(new MemoryStore());
  for (const id of ["none", "", "../etc", "x".repeat(65)]) await assert.rejects(notes.get(id), NoteNotFound);
});
