package canon

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gowebpki/jcs"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

const limit = 64 << 10

func TestCheckAccepts(t *testing.T) {
	for _, s := range []string{
		`{}`,
		`{"a":[]}`,
		`{"a":-1,"b":9007199254740991,"c":-9007199254740991}`,
		`{"":"","1":{"f":{"F":5,"f":"hi"}},"é":"€"}`,
		`{"a":"\u0001\b\t\n\f\r\"\\/"}`,
		`{"a":[true,false,null]}`,
		"{\"a\":\"\u202e\u2028\U0001F600\"}",
		strings.Repeat(`{"a":`, MaxDepth-1) + `{}` + strings.Repeat(`}`, MaxDepth-1),
	} {
		if err := Check([]byte(s), limit); err != nil {
			t.Errorf("Check(%q): %v", s, err)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, c := range []struct {
		name, in string
		code     fault.Code
	}{
		{"empty", ``, fault.NotCanonical},
		{"scalar", `1`, fault.NotCanonical},
		{"string", `"a"`, fault.NotCanonical},
		{"array", `[]`, fault.NotCanonical},
		{"null", `null`, fault.NotCanonical},
		{"byte order mark", "\ufeff{}", fault.NotCanonical},
		{"space", `{"a": 1}`, fault.NotCanonical},
		{"leading space", ` {}`, fault.NotCanonical},
		{"newline at the end", "{}\n", fault.NotCanonical},
		{"two values", `{}{}`, fault.NotCanonical},
		{"unsorted", `{"b":1,"a":2}`, fault.NotCanonical},
		{"name twice", `{"a":1,"a":1}`, fault.NotCanonical},
		{"float", `{"a":1.5}`, fault.NotCanonical},
		{"integer as float", `{"a":1.0}`, fault.NotCanonical},
		{"exponent", `{"a":1e2}`, fault.NotCanonical},
		{"minus zero", `{"a":-0}`, fault.NotCanonical},
		{"leading zeros", `{"a":007}`, fault.NotCanonical},
		{"plus", `{"a":+1}`, fault.NotCanonical},
		{"2^53", `{"a":9007199254740992}`, fault.NotCanonical},
		{"2^53+1", `{"a":9007199254740993}`, fault.NotCanonical},
		{"-2^53", `{"a":-9007199254740992}`, fault.NotCanonical},
		{"NaN", `{"a":NaN}`, fault.NotCanonical},
		{"huge integer", `{"a":` + strings.Repeat("9", 400) + `}`, fault.NotCanonical},
		{"U+0000", `{"a":"\u0000"}`, fault.NotCanonical},
		{"noncharacter", "{\"a\":\"\uffff\"}", fault.NotCanonical},
		{"noncharacter in a name", "{\"\ufdd0\":1}", fault.NotCanonical},
		{"escaped noncharacter", `{"a":"\uffff"}`, fault.NotCanonical},
		{"needless escape", `{"a":"\u0041"}`, fault.NotCanonical},
		{"upper-case escape", `{"a":"\u001F"}`, fault.NotCanonical},
		{"escaped slash", `{"a":"\/"}`, fault.NotCanonical},
		{"raw control", "{\"a\":\"\x01\"}", fault.NotCanonical},
		{"lone surrogate", `{"a":"\ud800"}`, fault.NotCanonical},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", fault.NotUTF8},
		{"encoded surrogate", "{\"a\":\"\xed\xa0\x80\"}", fault.NotUTF8},
		{"no end", `{"a":"`, fault.NotCanonical},
		{"backslash at the end", `{"a":"\`, fault.NotCanonical},
		{"cut", `{"a":1`, fault.NotCanonical},
		{"comment", `{"a":1/**/}`, fault.NotCanonical},
		{"comma at the end", `{"a":1,}`, fault.NotCanonical},
		{"too deep", strings.Repeat(`{"a":`, MaxDepth) + `{}` + strings.Repeat(`}`, MaxDepth), fault.NotCanonical},
		{"bomb of brackets", `{"a":` + strings.Repeat(`[`, 60000), fault.NotCanonical},
		{"too large", `{"a":"` + strings.Repeat("x", limit) + `"}`, fault.TooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := Check([]byte(c.in), limit); !fault.Has(err, c.code) {
				t.Errorf("got %v, want %s", err, c.code)
			}
		})
	}
}

// The example of RFC 8785 section 3.2.3: names sort by UTF-16 code units, so
// that U+1F600 (a surrogate pair) comes before U+FB33.
func TestSortingVector(t *testing.T) {
	in := "{\"\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"," +
		"\"1\":\"One\",\"\U0001F600\":\"Emoji: Grinning Face\",\"\u0080\":\"Control\",\"\u00f6\":\"Latin Small Letter O With Diaeresis\"}"
	want := "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"\u00f6\":\"Latin Small Letter O With Diaeresis\"," +
		"\"\u20ac\":\"Euro Sign\",\"\U0001F600\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}"
	if Check([]byte(in), limit) == nil {
		t.Error("the unsorted form is accepted")
	}
	got, err := jcs.Transform([]byte(in))
	if err != nil || string(got) != want {
		t.Fatalf("transformed to %s, %v", got, err)
	}
	if err := Check(got, limit); err != nil {
		t.Errorf("the sorted form: %v", err)
	}
}

// The table of RFC 8785 appendix B, as the values' decimal text and their
// canonical spelling. The transformation must agree with the table; of its
// rows only the integers within ±(2^53−1) are canonical for us.
func TestNumberVectors(t *testing.T) {
	for _, v := range []struct {
		in, spelled string
		ok          bool
	}{
		{"0", "0", true},
		{"-0", "0", false},
		{"5e-324", "5e-324", false},
		{"-5e-324", "-5e-324", false},
		{"1.7976931348623157e+308", "1.7976931348623157e+308", false},
		{"-1.7976931348623157e+308", "-1.7976931348623157e+308", false},
		{"9007199254740992", "9007199254740992", false},
		{"-9007199254740992", "-9007199254740992", false},
		{"295147905179352830000", "295147905179352830000", false},
		{"9.999999999999997e22", "9.999999999999997e+22", false},
		{"1e23", "1e+23", false},
		{"1.0000000000000001e23", "1.0000000000000001e+23", false},
		{"999999999999999700000", "999999999999999700000", false},
		{"999999999999999900000", "999999999999999900000", false},
		{"1e21", "1e+21", false},
		{"9.999999999999997e-7", "9.999999999999997e-7", false},
		{"0.000001", "0.000001", false},
		{"333333333.3333332", "333333333.3333332", false},
		{"333333333.33333325", "333333333.33333325", false},
		{"333333333.3333333", "333333333.3333333", false},
		{"333333333.3333334", "333333333.3333334", false},
		{"333333333.33333343", "333333333.33333343", false},
		{"-0.0000033333333333333333", "-0.0000033333333333333333", false},
		{"1424953923781206.2", "1424953923781206.2", false},
		{"9007199254740991", "9007199254740991", true},
	} {
		got, err := jcs.Transform([]byte(`{"n":` + v.in + `}`))
		if err != nil || string(got) != `{"n":`+v.spelled+`}` {
			t.Errorf("%s spelled %s, %v; want %s", v.in, got, err, v.spelled)
		}
		if err := Check([]byte(`{"n":`+v.in+`}`), limit); (err == nil) != v.ok {
			t.Errorf("Check of %s: %v, want accepted %v", v.in, err, v.ok)
		}
	}
}

func TestMarshal(t *testing.T) {
	b, err := Marshal(map[string]any{"b": "<é&\u2028>", "a": []int{1, 2}}, limit)
	if want := "{\"a\":[1,2],\"b\":\"<é&\u2028>\"}"; err != nil || string(b) != want {
		t.Errorf("got %s, %v; want %s", b, err, want)
	}
	for _, v := range []any{1.5, []int{1}, map[string]any{"a": 1.5}, map[string]any{"a": func() {}}} {
		if _, err := Marshal(v, limit); !fault.Has(err, fault.NotCanonical) {
			t.Errorf("Marshal(%T): %v", v, err)
		}
	}
	if _, err := Marshal(map[string]string{"a": strings.Repeat("x", 7*limit)}, limit); !fault.Has(err, fault.TooLarge) {
		t.Errorf("a large value: %v", err)
	}
}

// Accepted bytes are their own transformation, and a second implementation
// (jsontext) spells them the same; where the two disagree, Check refuses.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1}`, `{"a":"\u0001"}`, `{"a":[{"b":null}],"é":"€"}`, `{"a":-0}`, `{"a":007}`, `{"a":1,"a":1}`,
		"{\"\U0001F600\":1,\"\ufb33\":2}", `{"a":9007199254740993}`, "{\"a\":\"\xff\"}", `{"a":"\ud83d\ude00"}`, `[`, `{"a":"\uD800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if Check(b, limit) != nil {
			return
		}
		again, err := jcs.Transform(b)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("accepted %q, but it transforms to %q, %v", b, again, err)
		}
		other := jsontext.Value(bytes.Clone(b))
		if err := other.Canonicalize(); err != nil || !bytes.Equal(other, b) {
			t.Fatalf("accepted %q, but jsontext spells %q, %v", b, other, err)
		}
	})
}
