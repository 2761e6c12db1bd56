// Keeps notes in PostgreSQL.

import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import pg from "pg";

import { reason, type Log } from "./log.js";
import type { Note, Store } from "./notes.js";

/** How long open waits for a server that is still starting, in milliseconds. */
const startTimeout = 30_000;

/** Keeps two instances that start together from migrating together. */
const lockKey = 7201438;

/** Applied once each, in the order of their names. One that was released is never changed. */
const migrations = new URL("../../migrations/", import.meta.url);

interface Row {
  id: string;
  text: string;
  created: Date;
}

export class PostgresStore implements Store {
  private constructor(private readonly pool: pg.Pool) {}

  /** Connects to the database and brings its tables up to date. */
  static async open(url: string, log: Log, timeout = startTimeout): Promise<PostgresStore> {
    const pool = new pg.Pool({ connectionString: url, connectionTimeoutMillis: 2000, statement_timeout: 10_000 });
    // A connection that breaks while nobody uses it; the pool makes a new one.
    pool.on("error", (error) => log("warn", "lost a connection to PostgreSQL", { error: reason(error) }));
    try {
      await wait(pool, timeout);
      await migrate(pool);
    } catch (thrown) {
      await pool.end();
      throw thrown;
    }
    return new PostgresStore(pool);
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  async ping(): Promise<void> {
    await this.pool.query("SELECT 1");
  }

  async add(note: Note): Promise<boolean> {
    const insert = "INSERT INTO notes (id, text, created) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING";
    const { rowCount } = await this.pool.query(insert, [note.id, note.text, note.created]);
    return rowCount === 1;
  }

  async get(id: string): Promise<Note | undefined> {
    const { rows } = await this.pool.query<Row>("SELECT id, text, created FROM notes WHERE id = $1", [id]);
    return rows.map(note)[0];
  }

  async list(limit: number): Promise<Note[]> {
    const { rows } = await this.pool.query<Row>("SELECT id, text, created FROM notes ORDER BY created DESC, id LIMIT $1", [limit]);
    return rows.map(note);
  }
}

function note(row: Row): Note {
  return { id: row.id, text: row.text, created: row.created.toISOString() };
}

/** Asks until the server answers; containers start in no order. */
async function wait(pool: pg.Pool, timeout: number): Promise<void> {
  const deadline = Date.now() + timeout;
  for (;;) {
    try {
      await pool.query("SELECT 1");
      return;
    } catch (thrown) {
      if (Date.now() > deadline) throw thrown;
      await sleep(500);
    }
  }
}

/** Brings the tables up to date, all in one transaction. */
async function migrate(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock($1)", [lockKey]);
    await client.query("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())");
    for (const name of readdirSync(migrations).sort()) {
      const { rowCount } = await client.query("INSERT INTO migrations (name) VALUES ($1) ON CONFLICT DO NOTHING", [name]);
      if (rowCount === 1) await client.query(readFileSync(new URL(name, migrations), "utf8"));
    }
    await client.query("COMMIT");
  } catch (thrown) {
    await client.query("ROLLBACK");
    throw thrown;
  } finally {
    client.release();
  }
}
