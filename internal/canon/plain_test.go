package canon

import (
	"bytes"
	"testing"

	"github.com/gowebpki/jcs"
)

// What is taken as it is must be what the transformation gives.
func FuzzPlain(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1,"b":[{"c":"d"},"x:",-5]}`, `{"b":1,"a":2}`, `{"a":{"z":1},"b":{"a":1}}`, `{"a":9007199254740993}`, `{"a":-0}`, `{"a":1e5}`, `{"a":1.50}`,
		`{"a":"\u000a"}`, `{"é":1}`, `{"a":"é","b":true,"c":null}`, `{"a":1,"a":1}`, `{"a":["b",":"]}`, `{"":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if scan(b) != nil {
			return
		}
		want, err := jcs.Transform(b)
		if err != nil || bytes.ContainsAny(b, " \t\r\n") { // not JSON, or not as encoding/json writes it
			return
		}
		if plain(b) && !bytes.Equal(b, want) {
			t.Errorf("%s is taken for canonical, and that is %s", b, want)
		}
	})
}

func TestPlainIsUsed(t *testing.T) {
	for text, want := range map[string]bool{
		`{"a":1,"b":[{"c":"d"},"x:",-5],"c":false}`: true, `{"a":"é <&>"}`: true, `{}`: true,
		`{"b":1,"a":2}`: false, `{"a":1,"a":1}`: false, `{"a":"\n"}`: false, `{"a":1.5}`: false, `{"é":1}`: false,
	} {
		if plain([]byte(text)) != want {
			t.Errorf("plain(%s) is %v", text, !want)
		}
	}
}
