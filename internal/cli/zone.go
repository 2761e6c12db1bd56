package cli

import (
	"encoding/binary"
	"math"
	"strings"
	"time"
)

// localZone is where the user says to be. Go reads names of zones and files of
// them; of the rules that POSIX has for TZ, such as <+0545>-5:45, it reads none
// there, but it does at the end of a zone's file (RFC 9636, 3.3).
func localZone(tz string) *time.Location {
	name := strings.TrimPrefix(tz, ":")
	if name == "" {
		return time.Local
	}
	if _, err := time.LoadLocation(name); err == nil || strings.HasPrefix(name, "/") {
		return time.Local
	}
	zone, err := time.LoadLocationFromTZData(name, zoneFile(name))
	if err != nil {
		return time.Local
	}
	return zone
}

// zoneFile is the file of a zone that has had a rule for ever (RFC 9636, 3).
func zoneFile(rule string) []byte {
	header := func(times uint32) []byte {
		b := append([]byte("TZif2"), make([]byte, 15)...)
		for _, count := range []uint32{0, 0, 0, times, 1, 4} {
			b = binary.BigEndian.AppendUint32(b, count)
		}
		return b
	}
	utc := append(make([]byte, 6), "UTC\x00"...) // an offset of 0, no daylight saving, and its name
	b := append(header(0), utc...)
	b = append(b, header(1)...)
	b = binary.BigEndian.AppendUint64(b, uint64(math.MaxUint64-1<<55)) // long before anything
	b = append(append(b, 0), utc...)
	return append(b, "\n"+rule+"\n"...)
}
