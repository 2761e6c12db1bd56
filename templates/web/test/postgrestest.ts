// Gives tests a PostgreSQL server.

import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/**
 * The URL of a database for this test: the one that TEST_DATABASE_URL names,
 * or one of a server that is started and ends with the test. Where neither is
 * to be had the test is skipped, or fails if TEST_SERVERS is "required".
 */
export async function startPostgres(t: TestContext): Promise<string | undefined> {
  const given = process.env["TEST_DATABASE_URL"];
  if (given) return given;
  const bin = find();
  if (!bin) return missing(t, "no PostgreSQL server here (apt-get install postgresql), and TEST_DATABASE_URL is not set");
  const who = unprivileged();
  if (!who) return missing(t, "PostgreSQL does not run as root, and there is nobody else here");
  const dir = mkdtempSync(join(tmpdir(), "pg"));
  if (isUser(who)) chownSync(dir, who.uid, who.gid);
  const run = (program: string, ...args: string[]) => execFileSync(join(bin, program), args, { ...who, cwd: "/", stdio: "ignore" });
  const data = join(dir, "data");
  // One hook, since hooks run in the order in which they were added.
  let started = false;
  t.after(() => {
    if (started) run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", data);
    rmSync(dir, { recursive: true, force: true });
  });
  run("initdb", "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync");
  const options = `-c listen_addresses= -c fsync=off -c unix_socket_directories=${dir}`;
  run("pg_ctl", "start", "-w", "-D", data, "-l", join(dir, "log"), "-o", options);
  started = true;
  return `postgres://test@localhost/postgres?host=${encodeURIComponent(dir)}`;
}

/** The folder with the newest server's programs. */
function find(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((v) => join(debian, v, "bin")), ...(process.env["PATH"] ?? "").split(":")];
  return folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "pg_ctl")));
}

interface User {
  uid: number;
  gid: number;
}

type Ourselves = Record<string, never>;

function isUser(who: User | Ourselves): who is User {
  return "uid" in who;
}

/** Whom the server runs as: PostgreSQL refuses to run as root, as tests in a container often do. */
function unprivileged(): User | Ourselves | undefined {
  if (process.getuid?.() !== 0) return {};
  for (const name of ["postgres", "nobody"]) {
    try {
      const id = (what: string) => Number(execFileSync("id", [what, name], { stdio: ["ignore", "pipe", "ignore"] }));
      return { uid: id("-u"), gid: id("-g") };
    } catch {
      continue;
    }
  }
  return undefined;
}

function missing(t: TestContext, why: string): undefined {
  if (process.env["TEST_SERVERS"] === "required") throw new Error(why);
  t.skip(why);
}
