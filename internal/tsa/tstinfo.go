package tsa

import (
	"encoding/asn1"
	"math/big"
	"regexp"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// tstInfo is what an authority signs (RFC 3161 section 2.4.2).
type tstInfo struct {
	policy   asn1.ObjectIdentifier
	imprint  [32]byte
	serial   *big.Int
	time     time.Time
	accuracy time.Duration
	nonce    *big.Int
	critical bool // has a critical extension; none is known
}

func (t *tstInfo) read(b []byte) error {
	if checkDER(b, 0) != nil {
		return malformed("its TSTInfo is not DER")
	}
	s := cryptobyte.String(b)
	var in cryptobyte.String
	if !s.ReadASN1(&in, tag.SEQUENCE) || !s.Empty() {
		return malformed("its TSTInfo is not one sequence")
	}
	var version int
	if !in.ReadASN1Integer(&version) || version != 1 {
		return malformed("its TSTInfo is not of version 1")
	}
	if !in.ReadASN1ObjectIdentifier(&t.policy) {
		return malformed("its policy cannot be read")
	}
	if err := t.readImprint(&in); err != nil {
		return err
	}
	if !readInteger(&in, &t.serial) {
		return malformed("its serial number cannot be read")
	}
	if !t.readTime(&in) {
		return malformed("its time is not as RFC 3161 writes it")
	}
	if !t.readRest(&in) {
		return malformed("its TSTInfo cannot be read")
	}
	return nil
}

func (t *tstInfo) readImprint(s *cryptobyte.String) error {
	var in, hash cryptobyte.String
	var a algorithm
	if !s.ReadASN1(&in, tag.SEQUENCE) || !readAlgorithm(&in, &a) ||
		!in.ReadASN1(&hash, tag.OCTET_STRING) || !in.Empty() {
		return malformed("its imprint cannot be read")
	}
	if !a.is(oidSHA256) {
		return fault.New(fault.BadAlgorithm, "the time-stamp is over the hash %s, and only SHA-256 is kept", a.id)
	}
	if len(hash) != len(t.imprint) {
		return malformed("its imprint has %d bytes", len(hash))
	}
	t.imprint = [32]byte(hash)
	return nil
}

// generalizedTime is a genTime: UTC with seconds, a fraction without zeros at
// its end (RFC 3161 section 2.4.2), and no more digits than the clock here has.
var generalizedTime = regexp.MustCompile(`^[0-9]{14}(\.[0-9]{0,8}[1-9])?Z$`)

func (t *tstInfo) readTime(s *cryptobyte.String) bool {
	var text cryptobyte.String
	if !s.ReadASN1(&text, tag.GeneralizedTime) || !generalizedTime.Match(text) {
		return false
	}
	when, err := time.Parse("20060102150405Z", string(text)) // takes a fraction, too
	t.time = when.UTC()
	return err == nil && when.Year() >= 1970
}

func (t *tstInfo) readRest(s *cryptobyte.String) bool {
	var accuracy, extensions cryptobyte.String
	var hasAccuracy, hasExtensions, ordering bool
	return s.ReadOptionalASN1(&accuracy, &hasAccuracy, tag.SEQUENCE) &&
		(!hasAccuracy || t.readAccuracy(accuracy)) &&
		readOptionalBoolean(s, &ordering) &&
		t.readNonce(s) &&
		s.SkipOptionalASN1(context0) && // the authority's name: a hint
		s.ReadOptionalASN1(&extensions, &hasExtensions, context1) && s.Empty() &&
		(!hasExtensions || t.readExtensions(extensions))
}

func (t *tstInfo) readNonce(s *cryptobyte.String) bool {
	return !s.PeekASN1Tag(tag.INTEGER) || readInteger(s, &t.nonce)
}

// readAccuracy reads an Accuracy. One that has more than a year of seconds is
// no time at all.
func (t *tstInfo) readAccuracy(s cryptobyte.String) bool {
	var seconds, millis, micros int64
	ok := (!s.PeekASN1Tag(tag.INTEGER) || s.ReadASN1Integer(&seconds)) &&
		readPart(&s, &millis, 0) && readPart(&s, &micros, 1) && s.Empty()
	t.accuracy = time.Duration(seconds)*time.Second +
		time.Duration(millis)*time.Millisecond + time.Duration(micros)*time.Microsecond
	return ok && seconds >= 0 && seconds < 366*24*60*60
}

// readPart reads milliseconds or microseconds, from 1 to 999, if they are there.
func readPart(s *cryptobyte.String, out *int64, n uint8) bool {
	t := tag.Tag(n).ContextSpecific()
	if !s.PeekASN1Tag(t) {
		return true
	}
	return s.ReadASN1Int64WithTag(out, t) && *out >= 1 && *out <= 999
}

func (t *tstInfo) readExtensions(s cryptobyte.String) bool {
	for !s.Empty() {
		var in, value cryptobyte.String
		var id asn1.ObjectIdentifier
		var critical bool
		ok := s.ReadASN1(&in, tag.SEQUENCE) && in.ReadASN1ObjectIdentifier(&id) &&
			readOptionalBoolean(&in, &critical) &&
			in.ReadASN1(&value, tag.OCTET_STRING) && in.Empty()
		if !ok {
			return false
		}
		t.critical = t.critical || critical
	}
	return true
}

func readOptionalBoolean(s *cryptobyte.String, out *bool) bool {
	return !s.PeekASN1Tag(tag.BOOLEAN) || s.ReadASN1Boolean(out)
}
