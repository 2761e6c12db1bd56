// Gives tests a NATS server.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { find, freePort, listens, missing, until } from "./queuetest.js";

/** One that a URL cannot have as it is. */
const password = "a/b@c:d%20";

/**
 * The URL of a server with JetStream for this test: the one that TEST_NATS_URL
 * names, or one that is started and ends with the test. Where neither is to be
 * had the test is skipped, or fails if TEST_SERVERS is "required".
 */
export async function startServer(t: TestContext): Promise<string | undefined> {
  const given = process.env["TEST_NATS_URL"];
  if (given) return given;
  const program = find("nats-server", "/usr/sbin/nats-server");
  if (!program) return missing(t, "no nats-server here (apt-get install nats-server), and TEST_NATS_URL is not set");
  const dir = mkdtempSync(join(tmpdir(), "nats"));
  const port = await freePort();
  const args = ["--addr", "127.0.0.1", "--port", String(port), "--jetstream", "--store_dir", dir, "--user", "test", "--pass", password];
  const child = spawn(program, args, { stdio: "ignore" });
  t.after(async () => {
    if (child.kill("SIGKILL")) await new Promise((resolve) => child.once("exit", resolve));
    rmSync(dir, { recursive: true, force: true });
  });
  await until("the start of nats-server", () => listens(port));
  return `nats://test:${encodeURIComponent(password)}@127.0.0.1:${port}`;
}
