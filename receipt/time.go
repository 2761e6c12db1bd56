package receipt

import (
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Time is a moment in whole seconds since 1970-01-01T00:00:00Z. Its text is
// RFC 3339 in UTC with the letter Z, such as 2026-11-22T14:05:00Z; years run
// from 1970 to 9999. Times in receipts are claims: they order lists for
// people and prove nothing.
type Time int64

const timeForm = "2006-01-02T15:04:05Z"

// maxTime is 9999-12-31T23:59:59Z.
const maxTime Time = 253402300799

// TimeOf is t without its fraction of a second.
func TimeOf(t time.Time) Time { return Time(t.Unix()) }

// Time is t as Go's time, in UTC.
func (t Time) Time() time.Time { return time.Unix(int64(t), 0).UTC() }

// String is t in the form above.
func (t Time) String() string { return t.Time().Format(timeForm) }

// Valid tells whether t lies in the years 1970 to 9999.
func (t Time) Valid() bool { return 0 <= t && t <= maxTime }

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It accepts the one form
// above; anything else is a fault BadField (VM203).
func (t *Time) UnmarshalText(text []byte) error {
	parsed, err := time.Parse(timeForm, string(text))
	if err != nil || parsed.Format(timeForm) != string(text) || !TimeOf(parsed).Valid() {
		return fault.New(fault.BadField, "%.40q is not a time like 2026-11-22T14:05:00Z", text)
	}
	*t = TimeOf(parsed)
	return nil
}
