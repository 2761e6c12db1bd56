// What tests of a message queue share.

import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

/** Waits until done; the time is for what hangs. */
export async function until(what: string, done: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen in two minutes`);
    await sleep(50);
  }
}

/** A port of the loopback interface that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** The first of these programs that is there: paths, or names of commands. */
export function find(...candidates: string[]): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(":");
  const paths = candidates.flatMap((c) => (c.startsWith("/") ? [c] : folders.map((folder) => join(folder, c))));
  return paths.find((path) => existsSync(path));
}

/** Skips the test, or fails if TEST_SERVERS is "required". */
export function missing(t: TestContext, why: string): undefined {
  if (process.env["TEST_SERVERS"] === "required") throw new Error(why);
  t.skip(why);
}

/** Whether somebody listens there. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const answer = (there: boolean) => () => {
      socket.destroy();
      resolve(there);
    };
    socket.once("connect", answer(true)).once("error", answer(false));
  });
}

/** Stands before a server, and can be cut. */
export interface Wire {
  url: string;
  /** Breaks all connections, and refuses new ones until it is mended. */
  cut(): void;
  mend(): void;
  close(): void;
}

export async function wire(url: string, usualPort: number): Promise<Wire> {
  const { hostname, port } = new URL(url);
  const open = new Set<Socket>();
  let whole = true;
  const server = createServer((near) => {
    if (!whole) {
      near.destroy();
      return;
    }
    const far = connect(Number(port) || usualPort, hostname);
    for (const [one, other] of [[near, far], [far, near]] as const) {
      open.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const here = new URL(url);
  here.hostname = "127.0.0.1";
  here.port = String((server.address() as AddressInfo).port);
  const cut = (): void => {
    whole = false;
    for (const socket of open) socket.destroy();
  };
  return {
    url: here.href,
    cut,
    mend: () => void (whole = true),
    close: () => {
      cut();
      server.close();
    },
  };
}
