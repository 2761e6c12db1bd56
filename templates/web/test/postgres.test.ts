import assert from "node:assert/strict";
import { test } from "node:test";

import { Notes } from "../src/notes.js";
import { PostgresStore } from "../src/postgres.js";
import { startPostgres } from "./postgrestest.js";

const silent = () => {};

test("PostgreSQL", async (t) => {
  const url = await startPostgres(t);
  if (!url) return;
  const store = await PostgresStore.open(url, silent);
  try {
    await store.ping();

    await t.test("what is created is read", async () => {
      const notes = new Notes(store);
      const made = await notes.create("naïve 'text'; DROP TABLE notes; --");
      assert.deepEqual(await notes.get(made.id), made);
    });

    await t.test("the newest come first", async () => {
      // Later than all that the other tests made.
      const later = Date.now() + 3_600_000;
      const ids: string[] = [];
      for (let i = 0; i < 3; i++) {
        ids.unshift(`age-${later}-${i}`);
        await store.add({ id: ids[0]!, text: "x", created: new Date(later + i).toISOString() });
      }
      assert.deepEqual((await store.list(2)).map((n) => n.id), ids.slice(0, 2));
    });

    await t.test("of two with one id the first stays", async () => {
      const id = `twice-${Date.now()}`;
      const created = new Date().toISOString();
      assert.equal(await store.add({ id, text: "first", created }), true);
      assert.equal(await store.add({ id, text: "second", created }), false);
      assert.equal((await store.get(id))?.text, "first");
    });

    await t.test("unknown", async () => {
      assert.equal(await store.get("none"), undefined);
    });

    await t.test("several start together", async () => {
      const others = await Promise.all([1, 2, 3, 4].map(() => PostgresStore.open(url, silent)));
      await Promise.all(others.map((other) => other.close()));
    });

    await t.test("closed", async () => {
      const another = await PostgresStore.open(url, silent);
      await another.close();
      await assert.rejects(another.ping());
    });
  } finally {
    await store.close();
  }
});

test("open gives up", async () => {
  await assert.rejects(PostgresStore.open("postgres://127.0.0.1:1/none", silent, 0));
});
