import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { MemoryStore, Notes, type Store } from "../src/notes.js";
import { App } from "../src/server.js";

async function start(t: TestContext, store: Store): Promise<string> {
  const server = new App({ notes: new Notes(store), log: () => {}, checks: {}, version: "test" }).server();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

async function connect(t: TestContext, store: Store): Promise<Client> {
  const client = new Client({ name: "test", version: "test" });
  const transport = new StreamableHTTPClientTransport(new URL(await start(t, store)));
  await client.connect(transport as Parameters<Client["connect"]>[0]);
  t.after(() => client.close());
  return client;
}

/** What a tool answers, and whether it says that it went wrong. */
async function call(client: Client, name: string, args: Record<string, unknown>): Promise<{ wrong: boolean; text: string }> {
  const result = await client.callTool({ name, arguments: args });
  const [content] = result.content as { text: string }[];
  return { wrong: result.isError === true, text: content?.text ?? "" };
}

test("the tools", async (t) => {
  const client = await connect(t, new MemoryStore());
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map((tool) => tool.name).sort(), ["create_note", "get_note", "list_notes"]);
});

test("create, get, list", async (t) => {
  const client = await connect(t, new MemoryStore());
  const made = JSON.parse((await call(client, "create_note", { text: "hello" })).text);
  assert.equal(made.text, "hello");
  assert.deepEqual(JSON.parse((await call(client, "get_note", { id: made.id })).text), made);
  assert.deepEqual(JSON.parse((await call(client, "list_notes", {})).text), { notes: [made] });
});

test("what goes wrong is said, but not where", async (t) => {
  const store = new MemoryStore();
  store.list = () => Promise.reject(new Error("secret-host is away"));
  const client = await connect(t, store);
  for (const [tool, args] of [["create_note", { text: "" }], ["get_note", { id: "none" }], ["list_notes", {}]] as const) {
    const { wrong, text } = await call(client, tool, args);
    assert.ok(wrong, tool);
    assert.ok(!text.includes("secret-host"), text);
  }
});

test("pages of other origins are refused", async (t) => {
  const url = await start(t, new MemoryStore());
  const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json", Origin: "https://elsewhere.example" }, body: "{}" });
  assert.equal(answer.status, 403);
});
