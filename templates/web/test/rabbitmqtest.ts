// Gives tests a RabbitMQ server.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { Connection } from "rabbitmq-client";

import { find, freePort, missing, until } from "./queuetest.js";

/**
 * The URL of a server for this test: the one that TEST_RABBITMQ_URL names, or
 * one that is started and ends with the test. Where neither is to be had the
 * test is skipped, or fails if TEST_SERVERS is "required".
 */
export async function startServer(t: TestContext): Promise<string | undefined> {
  const given = process.env["TEST_RABBITMQ_URL"];
  if (given) return given;
  // Rather the program itself than a script that changes the user.
  const program = find("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server");
  const epmd = find("/usr/bin/epmd", "epmd");
  if (!program || !epmd) return missing(t, "no RabbitMQ server here (apt-get install rabbitmq-server), and TEST_RABBITMQ_URL is not set");
  const dir = mkdtempSync(join(tmpdir(), "rabbitmq"));
  const [port, distPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
  const started: ChildProcess[] = [];
  t.after(async () => {
    for (const child of started.reverse()) await end(child);
    rmSync(dir, { recursive: true, force: true });
  });
  // Erlang's port mapper: one of our own that ends with the test, not the machine's, which would stay.
  const env = { ...process.env, HOME: dir, ERL_EPMD_PORT: String(epmdPort), ERL_EPMD_ADDRESS: "127.0.0.1" };
  started.push(start(epmd, dir, env));
  const settings = {
    RABBITMQ_NODENAME: `test${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distPort),
    RABBITMQ_MNESIA_BASE: join(dir, "data"),
    RABBITMQ_LOG_BASE: join(dir, "log"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(dir, "plugins"),
    RABBITMQ_CONFIG_FILE: join(dir, "rabbitmq"),
    RABBITMQ_CONF_ENV_FILE: join(dir, "rabbitmq-env.conf"),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
  };
  started.push(start(program, dir, { ...env, ...settings }));
  const url = `amqp://guest:guest@127.0.0.1:${port}`;
  await until("the start of rabbitmq-server", () => answers(url));
  return url;
}

/** Starts a program with a group of its own, so that what it starts ends with it. */
function start(program: string, cwd: string, env: NodeJS.ProcessEnv): ChildProcess {
  const log = openSync(join(cwd, "output"), "a");
  const child = spawn(program, [], { cwd, env, detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  process.kill(-child.pid, "SIGKILL");
  await ended;
}

async function answers(url: string): Promise<boolean> {
  const connection = new Connection({ url });
  connection.on("error", () => {});
  try {
    await connection.onConnect(1000, true);
    await connection.close();
    return true;
  } catch {
    connection.unsafeDestroy();
    return false;
  }
}
