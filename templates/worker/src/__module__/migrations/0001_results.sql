CREATE TABLE results (
    job text PRIMARY KEY,
    words integer NOT NULL CHECK (words >= 0),
    kept_at timestamptz NOT NULL DEFAULT now()
);
