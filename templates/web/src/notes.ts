// What the service is about: short texts that are kept. This file knows
// nothing of HTTP or databases; replace it by your own subject.

import { randomUUID } from "node:crypto";

export const maxText = 4096;
export const maxList = 100;

export interface Note {
  id: string;
  text: string;
  created: string;
}

/** Keeps notes. */
export interface Store {
  add(note: Note): Promise<void>;
  get(id: string): Promise<Note | undefined>;
  /** The newest first, limit at most. */
  list(limit: number): Promise<Note[]>;
}

/** A note that cannot be kept as it is, now or later. */
export class InvalidNote extends Error {}

/** There is no note with this id. */
export class NoteNotFound extends Error {
  constructor() {
    super("there is no such note");
  }
}

export class Notes {
  constructor(private readonly store: Store) {}

  async create(text: string): Promise<Note> {
    check(text);
    const note = { id: randomUUID(), text, created: new Date().toISOString() };
    await this.store.add(note);
    return note;
  }

  async get(id: string): Promise<Note> {
    const note = /^[A-Za-z0-9_-]{1,64}$/.test(id) ? await this.store.get(id) : undefined;
    if (!note) throw new NoteNotFound();
    return note;
  }

  list(limit: number): Promise<Note[]> {
    return this.store.list(Math.min(Math.max(limit, 1), maxList));
  }
}

function check(text: string): void {
  if (text === "") throw new InvalidNote("the text is empty");
  if (Buffer.byteLength(text) > maxText) throw new InvalidNote(`the text has more than ${maxText} bytes`);
  if (text.includes("\0")) throw new InvalidNote("the text has a zero byte");
  if (/\p{Surrogate}/u.test(text)) throw new InvalidNote("the text has half a character");
}

/** A store that forgets when the process ends. */
export class MemoryStore implements Store {
  private readonly notes = new Map<string, Note>();

  async add(note: Note): Promise<void> {
    this.notes.set(note.id, note);
  }

  async get(id: string): Promise<Note | undefined> {
    return this.notes.get(id);
  }

  async list(limit: number): Promise<Note[]> {
    return [...this.notes.values()].reverse().slice(0, limit);
  }
}
