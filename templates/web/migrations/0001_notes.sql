CREATE TABLE notes (
    id      text PRIMARY KEY,
    text    text NOT NULL,
    created timestamptz NOT NULL
);

CREATE INDEX notes_by_age ON notes (created DESC, id);
