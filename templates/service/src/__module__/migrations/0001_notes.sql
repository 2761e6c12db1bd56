CREATE TABLE notes (
    id uuid PRIMARY KEY,
    text text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 2000),
    created_at timestamptz NOT NULL
);

CREATE INDEX notes_newest ON notes (created_at DESC, id DESC);
