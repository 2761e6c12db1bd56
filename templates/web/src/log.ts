// One JSON object a line, on standard error.

import { logLevels, type LogLevel } from "./config.js";

export type Fields = Record<string, unknown>;
export type Log = (level: LogLevel, message: string, fields?: Fields) => void;

export function newLog(least: LogLevel, write: (line: string) => void): Log {
  return (level, message, fields = {}) => {
    if (logLevels.indexOf(level) < logLevels.indexOf(least)) return;
    write(JSON.stringify({ time: new Date().toISOString(), level, message, ...fields }) + "\n");
  };
}

/** The text of whatever was thrown, for the log. */
export function reason(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  // A connection that fails at several addresses says so in parts.
  if (thrown instanceof AggregateError) return thrown.errors.map(reason).join("; ");
  const text = thrown.stack ?? thrown.message;
  return thrown.cause === undefined ? text : `${text}\nbecause of ${reason(thrown.cause)}`;
}
