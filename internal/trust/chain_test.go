package trust

import (
	"slices"
	"testing"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// cast is a ledger with three principals, two of whom must agree on a covenant.
func cast(t testing.TB) (w *world, a, b, c key) {
	a, b, c = newKey(t), newKey(t), newKey(t)
	return newWorld(t, people{"ada": {a}, "bob": {b}, "cyd": {c}}, needs(2, receipt.KindCovenant)), a, b, c
}

func TestChain(t *testing.T) {
	t.Parallel()
	w, a, b, c := cast(t)
	d := newKey(t)
	two := needs(2, receipt.KindCovenant)
	v2 := w.stamped(w.follows(w.genesis, 2, w.covenant(people{"ada": {a}, "bob": {b}, "dan": {d}}, two)), 10, a, b)
	v3 := w.stamped(w.follows(v2, 3, w.covenant(people{"bob": {b}, "dan": {d}}, two)), 20, b, d)
	chain := w.build(Pin{}, v3, v2)
	versions(t, chain, "", w.genesis, v2, v3)
	if !chain.Versions[1].From.Equal(on(10)) || !chain.Versions[2].From.Equal(on(20)) || !chain.Versions[0].From.IsZero() {
		t.Error("in force from other times")
	}
	for day, version := range map[int]int64{-5: 1, 9: 1, 10: 2, 19: 2, 20: 3, 1000: 3} {
		if got := chain.inForce(on(day)).Covenant.Version; got != version {
			t.Errorf("on day %d version %d", day, got)
		}
	}
	if chain.Latest().ID != v3.ID || len(chain.Keys()) != 4 {
		t.Errorf("%d keys", len(chain.Keys()))
	}
	holders := chain.Holders()
	if len(holders) != 2 || holders[0].Principal != "bob" || holders[1].Key.Fingerprint() != d.fingerprint {
		t.Errorf("holders %+v", holders)
	}

	other := func(version int64, before Folder, keys ...key) Folder {
		return w.follows(before, version, w.covenant(people{"eve": {newKey(t)}}, two), keys...)
	}
	for name, f := range map[string]Folder{
		"one signer":       other(2, w.genesis, a),
		"one signer twice": other(2, w.genesis, a, a),
		"nobody":           other(2, w.genesis),
		"one who comes":    other(2, w.genesis, a, d),
		"other before":     other(2, v2, a, b),
		"skips one":        other(3, w.genesis, a, b),
	} {
		t.Run(name, func(t *testing.T) { versions(t, w.build(Pin{}, f), "", w.genesis) })
	}
	self := newKey(t)
	appointed := w.follows(w.genesis, 2, w.covenant(people{"eve": {self}}), self)
	chain = w.build(Pin{}, appointed)
	versions(t, chain, "", w.genesis)
	if len(chain.Waiting) != 1 || chain.Waiting[0].ID != appointed.ID || chain.Waiting[0].Err == nil {
		t.Errorf("waiting %+v", chain.Waiting)
	}
	removed := w.follows(v3, 4, w.covenant(people{"ada": {a}, "cyd": {c}}), a, c)
	versions(t, w.build(Pin{}, v2, v3, removed), "", w.genesis, v2, v3)
	if got := new(Chain); got.Latest() != nil || got.Holders() != nil {
		t.Error("a chain of nothing has something")
	}
}

func TestRivals(t *testing.T) {
	t.Parallel()
	w, a, b, c := cast(t)
	make2 := func(day int, keys ...key) Folder {
		f := w.follows(w.genesis, 2, w.covenant(people{"ada": {a}, "bob": {b}, "cyd": {c}}, needs(2, receipt.KindCovenant)))
		if day == 0 {
			for _, k := range keys {
				w.signs(&f, k)
			}
			return f
		}
		return w.stamped(f, day, keys...)
	}
	early, late, tie, never, never2 := make2(10, a, b), make2(20, b, c), make2(10, a, c), make2(0, a, c), make2(0, a, b)
	onEarly := w.stamped(w.follows(early, 3, w.covenant(people{"ada": {a}, "bob": {b}})), 30, a, b)
	onLate := w.stamped(w.follows(late, 3, w.covenant(people{"ada": {a}, "bob": {b}})), 30, a, b)
	for name, x := range map[string]struct {
		pin       Pin
		covenants []Folder
		code      fault.Code
		want      []Folder
		breaches  int
	}{
		"the earlier":                   {Pin{}, []Folder{late, early}, "", []Folder{w.genesis, early}, 1},
		"one without":                   {Pin{}, []Folder{never, early}, fault.RivalCovenants, []Folder{w.genesis}, 0},
		"none":                          {Pin{}, []Folder{never, never2}, fault.RivalCovenants, []Folder{w.genesis}, 0},
		"a tie":                         {Pin{}, []Folder{tie, early}, fault.RivalCovenants, []Folder{w.genesis}, 0},
		"a tie of the later":            {Pin{}, []Folder{early, late, make2(20, a, c)}, "", []Folder{w.genesis, early}, 2},
		"none, pinned":                  {pinOf(never), []Folder{never, never2}, "", []Folder{w.genesis, never}, 1},
		"a tie, pinned":                 {pinOf(tie), []Folder{tie, early}, "", []Folder{w.genesis, tie}, 1},
		"the earlier, pinned":           {pinOf(early), []Folder{late, early}, "", []Folder{w.genesis, early}, 1},
		"the later, pinned":             {pinOf(late), []Folder{late, early}, fault.RivalCovenants, []Folder{w.genesis, late}, 1},
		"the later, adopted":            {Pin{2, late.ID, true}, []Folder{late, early}, "", []Folder{w.genesis, late}, 1},
		"a later version, pinned":       {pinOf(onEarly), []Folder{never, early, onEarly}, "", []Folder{w.genesis, early, onEarly}, 1},
		"a later version of the later":  {pinOf(onLate), []Folder{late, early, onLate, onEarly}, fault.RivalCovenants, []Folder{w.genesis, late, onLate}, 1},
		"nothing behind a disagreement": {pinOf(late), []Folder{late, early, onLate}, fault.RivalCovenants, []Folder{w.genesis, late}, 1},
		"twice the same":                {Pin{}, []Folder{never, never}, "", []Folder{w.genesis, never}, 0},
		"rolled back":                   {pinOf(onEarly), []Folder{early}, fault.RolledBack, []Folder{w.genesis, early}, 0},
		"all gone":                      {pinOf(early), nil, fault.RolledBack, []Folder{w.genesis}, 0},
		"genesis pinned":                {Pin{Version: 1, ID: w.genesis.ID}, []Folder{early}, "", []Folder{w.genesis, early}, 0},
		"another genesis pinned":        {Pin{Version: 1, ID: receipt.Sum(nil)}, []Folder{early}, fault.RolledBack, []Folder{w.genesis, early}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			chain := w.build(x.pin, x.covenants...)
			versions(t, chain, x.code, x.want...)
			if len(chain.Breaches) != x.breaches {
				t.Errorf("breaches %+v", chain.Breaches)
			}
		})
	}
	chain := w.build(Pin{}, early, late)
	if got := chain.Breaches[0]; got.ID != late.ID || got.Version != 2 || !slices.Equal(got.Signers, []string{"bob", "cyd"}) {
		t.Errorf("breach %+v", got)
	}
}

// The script of the design: a key that the next covenant removed signs a rival.
func TestRemovedKeyNeverComesBack(t *testing.T) {
	t.Parallel()
	old, good := newKey(t), newKey(t)
	w := newWorld(t, people{"old": {old}, "good": {good}})
	for name, dated := range map[string]bool{"the covenant has a time": true, "it has none": false} {
		v2 := w.follows(w.genesis, 2, w.covenant(people{"good": {good}}))
		if dated {
			v2 = w.stamped(v2, 10, good)
		} else {
			w.signs(&v2, good)
		}
		rival := func() Folder { return w.follows(w.genesis, 2, w.covenant(people{"old": {old}})) }
		plain := rival()
		w.signs(&plain, old)
		foreign := rival()
		s := w.signs(&foreign, old)
		foreign.Tokens = append(foreign.Tokens, newStamper(t, "clock").token(t, on(1), s.Data))
		other := rival()
		w.signs(&other, old)
		other.Tokens = append(other.Tokens, w.tsa.token(t, on(1), []byte("other")), w.tsa.token(t, on(1), other.Raw))
		for kind, r := range map[string]Folder{"no token": plain, "a later token": w.stamped(rival(), 11, old), "a stranger's token": foreign, "tokens over other things": other} {
			child := w.stamped(w.follows(r, 3, w.covenant(people{"old": {old}})), 12, old)
			for _, pin := range []Pin{{}, pinOf(v2)} {
				t.Run(name+", "+kind, func(t *testing.T) {
					chain := w.build(pin, r, v2, child)
					if pin.Version == 2 && (dated || kind != "a later token") {
						versions(t, chain, "", w.genesis, v2)
					}
					release := w.stamped(w.release("api"), 50, old)
					for _, v := range chain.Versions {
						if v.ID == r.ID || v.ID == child.ID {
							t.Error("the rival is in force")
						}
					}
					if (pin.Version == 2 || chain.Err == nil) && chain.Judge(release, today).Err == nil {
						t.Error("the removed key signs releases")
					}
				})
			}
		}
	}
}

// A ledger whose genesis names nobody trusts nobody until a person adopts a covenant.
func TestAdoption(t *testing.T) {
	t.Parallel()
	a, e := newKey(t), newKey(t)
	w := newWorld(t, nil)
	first := func(k key) Folder {
		return w.folder(&receipt.Receipt{Kind: receipt.KindCovenant, Covenant: w.covenant(people{"ada": {k}})}, k)
	}
	good, evil := first(a), first(e)
	v2 := w.follows(good, 2, w.covenant(people{"ada": {a}}), a)
	versions(t, w.build(Pin{}, good, evil), "")
	versions(t, w.build(pinOf(good), evil, good), "", good)
	versions(t, w.build(pinOf(good), evil, good, v2), "", good, v2)
	versions(t, w.build(pinOf(v2), evil, good, v2), "", good, v2)
	versions(t, w.build(pinOf(good), evil), fault.RolledBack)
	found := w.build(Pin{}, good).Judge(w.release("api", a), today)
	refused(t, found.Err, fault.NoCovenant)
	Build(w.genesis, nil, []Folder{w.revokes(a, "retired", on(1), a)}, Pin{}, today)
	versions(t, Build(Folder{}, nil, nil, Pin{}, today), "")
}

func TestRevokedInCovenant(t *testing.T) {
	t.Parallel()
	bad, good := newKey(t), newKey(t)
	w := newWorld(t, people{"bad": {bad}, "good": {good}})
	for reason, undated := range map[string]fault.Code{"compromised": fault.KeyRevoked, "superseded": fault.KeyRevoked, "retired": fault.KeyRevoked} {
		t.Run(reason, func(t *testing.T) {
			v2 := w.stamped(w.follows(w.genesis, 2, w.covenant(people{"bad": {bad}, "good": {good}}, revoking(bad, reason, on(50)))), 60, good)
			chain := w.build(Pin{}, v2)
			for day, code := range map[int]fault.Code{49: "", 50: fault.KeyRevoked, 55: fault.KeyRevoked, 70: fault.KeyRevoked} {
				refused(t, chain.Judge(w.stamped(w.release("api"), day, bad), today).Err, code)
			}
			refused(t, chain.Judge(w.release("api", bad), today).Err, undated)
			refused(t, chain.Judge(w.release("api", bad, good), today).Err, "")
			for _, h := range chain.Holders() {
				if (h.Revoked == reason) != (h.Principal == "bad") {
					t.Errorf("%s is %q", h.Principal, h.Revoked)
				}
			}
			// Revoked from a day to come on: only what is compromised ends now.
			later := w.stamped(w.follows(w.genesis, 2, w.covenant(people{"bad": {bad}, "good": {good}}, revoking(bad, reason, on(200)))), 60, good)
			found := w.build(Pin{}, later).Judge(w.release("api", bad), today)
			if reason == "compromised" {
				refused(t, found.Err, fault.KeyRevoked)
			} else if found.Err != nil || !found.Until.Equal(on(200)) {
				t.Errorf("%v until %v", found.Err, found.Until)
			}
		})
	}
}

// A covenant is judged by the revocations of the one before.
func TestRevokedKeySignsNoCovenant(t *testing.T) {
	t.Parallel()
	bad, good := newKey(t), newKey(t)
	w := newWorld(t, people{"bad": {bad}, "good": {good}}, revoking(bad, "compromised", on(1)))
	v2 := w.stamped(w.follows(w.genesis, 2, w.covenant(people{"bad": {bad}})), 10, bad)
	versions(t, w.build(Pin{}, v2), "", w.genesis)
	after := w.follows(w.genesis, 2, w.covenant(people{"good": {good}}), good)
	versions(t, w.build(Pin{}, v2, after), "", w.genesis, after)
}

func TestRevocationReceipts(t *testing.T) {
	t.Parallel()
	a, b, c := newKey(t), newKey(t), newKey(t)
	w := newWorld(t, people{"ada": {a}, "bob": {b}, "cyd": {c}}, needs(2, receipt.KindRevocation))
	one := newWorld(t, people{"ada": {a}, "bob": {b}, "cyd": {c}})
	for name, x := range map[string]struct {
		w           *world
		revocations []Folder
		dead        []key
	}{
		"enough":     {w, []Folder{w.revokes(a, "retired", on(1), b, c)}, []key{a}},
		"too few":    {w, []Folder{w.revokes(a, "retired", on(1), b)}, nil},
		"a stranger": {one, []Folder{one.revokes(a, "retired", on(1), newKey(t))}, nil},
		"of itself":  {one, []Folder{one.revokes(a, "compromised", on(1), a)}, []key{a}},
		"the dated is first": {one, []Folder{one.stamped(one.revokes(b, "compromised", on(1)), 20, a), one.stamped(one.revokes(a, "compromised", on(1)), 10, b)},
			[]key{a}},
		"the undated is last": {one, []Folder{one.revokes(a, "compromised", on(1), b), one.stamped(one.revokes(b, "compromised", on(1)), 20, a)}, []key{b}},
		"both undated":        {one, []Folder{one.revokes(a, "compromised", on(1), b), one.revokes(b, "compromised", on(1), a)}, []key{a, b}},
		"a chain of them": {one, []Folder{one.stamped(one.revokes(c, "retired", on(1)), 30, b), one.stamped(one.revokes(b, "retired", on(1)), 20, a),
			one.stamped(one.revokes(a, "retired", on(40)), 10, c)}, []key{a, b}},
		"no revocation": {one, []Folder{one.release("api", a)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				chain := Build(x.w.genesis, nil, x.revocations, Pin{}, today)
				for i, k := range []key{a, b, c} {
					code := fault.Code("")
					if slices.ContainsFunc(x.dead, func(d key) bool { return d.fingerprint == k.fingerprint }) {
						code = fault.KeyRevoked
					}
					found := chain.Judge(x.w.release("api", k), today)
					if (found.Err == nil) != (code == "") {
						t.Errorf("key %d: %v", i, found.Err)
					}
				}
				slices.Reverse(x.revocations)
			}
		})
	}
}

// Who stole a key has it in every form.
func TestRevokedInEveryForm(t *testing.T) {
	t.Parallel()
	a, b := inBothForms(t)
	g := newKey(t)
	for _, k := range []key{a, b} {
		w := newWorld(t, people{"ada": {a, b}, "good": {g}})
		v2 := w.follows(w.genesis, 2, w.covenant(people{"ada": {a, b}, "good": {g}}, revoking(k, "compromised", on(1))), g)
		chain := w.build(Pin{}, v2)
		for _, signer := range []key{a, b} {
			refused(t, chain.Judge(w.release("api", signer), today).Err, fault.KeyRevoked)
		}
		chain = Build(w.genesis, nil, []Folder{w.revokes(k, "compromised", on(1), g)}, Pin{}, today)
		for _, signer := range []key{a, b} {
			refused(t, chain.Judge(w.release("api", signer), today).Err, fault.KeyRevoked)
		}
	}
}

func TestRevokedSubkey(t *testing.T) {
	t.Parallel()
	e := entity(t, 0)
	primary := pgpKey(t, e, on(2))
	must(t, e.AddSigningSubkey(clock(on(1))))
	k := pgpKey(t, e, on(2)) // the subkey signs
	primary.text = k.text
	w := newWorld(t, people{"ada": {k}})
	chain := w.build(Pin{})
	sub := chain.Latest().keys[0].Fingerprints()[1]
	revoked := key{fingerprint: sub}
	chain = Build(w.genesis, nil, []Folder{w.revokes(revoked, "superseded", on(50), k)}, Pin{}, today)
	refused(t, chain.Judge(w.release("api", k), today).Err, fault.KeyRevoked)
	refused(t, chain.Judge(w.stamped(w.release("api"), 49, k), today).Err, "")
}

// A key in a later covenant has another expiry: it is judged as the version has it.
func TestRenewedKey(t *testing.T) {
	t.Parallel()
	e := entity(t, 30)
	brief := pgpKey(t, e, on(2))
	for _, id := range e.Identities {
		s := id.SelfCertifications[0].Packet
		s.CreationTime = on(1)
		s.KeyLifetimeSecs = nil
		must(t, s.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, clock(on(1))))
	}
	long := pgpKey(t, e, on(2))
	w := newWorld(t, people{"ada": {brief}})
	v2 := w.stamped(w.follows(w.genesis, 2, w.covenant(people{"ada": {long}})), 20, brief)
	chain := w.build(Pin{}, v2)
	versions(t, chain, "", w.genesis, v2)
	refused(t, chain.Judge(w.release("api", brief), today).Err, "")
	refused(t, w.build(Pin{}).Judge(w.release("api", brief), today).Err, fault.KeyExpired)
	refused(t, w.build(Pin{}).Judge(w.stamped(w.release("api"), 29, brief), today).Err, "")
	refused(t, w.build(Pin{}).Judge(w.stamped(w.release("api"), 31, brief), today).Err, fault.KeyExpired)
	early := w.build(Pin{}).Judge(w.release("api", brief), on(10))
	if early.Err != nil || !early.Until.Equal(on(30)) {
		t.Errorf("%v until %v", early.Err, early.Until)
	}
}

// A key that a receipt took out of use signs no covenant either, as far as it is
// proven what came first; and a receipt undoes no covenant that was there before it.
func TestRevokedByReceiptSignsNoCovenant(t *testing.T) {
	t.Parallel()
	bad, good := newKey(t), newKey(t)
	w := newWorld(t, people{"bad": {bad}, "good": {good}})
	revoke := func(day int) Folder {
		r := w.revokes(bad, "compromised", on(1))
		if day == 0 {
			w.signs(&r, good)
			return r
		}
		return w.stamped(r, day, good)
	}
	covenant := func(day int, k key) Folder {
		v := w.follows(w.genesis, 2, w.covenant(people{"bad": {bad}}), k)
		if day > 0 {
			v.Tokens = append(v.Tokens, w.tsa.token(t, on(day), v.Signatures[0].Data))
		}
		return v
	}
	late, early, never, ours := covenant(20, bad), covenant(5, bad), covenant(0, bad), covenant(30, good)
	here := Pin{Version: 1, ID: w.genesis.ID, Adopted: true}
	for name, x := range map[string]struct {
		pin       Pin
		covenants []Folder
		revoked   int
		code      fault.Code
		want      []Folder
	}{
		"the covenant is younger":             {Pin{}, []Folder{late}, 10, "", []Folder{w.genesis}},
		"the covenant is older":               {Pin{}, []Folder{early}, 10, "", []Folder{w.genesis, early}},
		"of one moment":                       {Pin{}, []Folder{late}, 20, fault.RivalCovenants, []Folder{w.genesis}},
		"nothing dates the covenant":          {Pin{}, []Folder{never}, 10, fault.RivalCovenants, []Folder{w.genesis}},
		"nothing dates the revocation":        {Pin{}, []Folder{late}, 0, fault.RivalCovenants, []Folder{w.genesis}},
		"nothing dates either":                {Pin{}, []Folder{never}, 0, fault.RivalCovenants, []Folder{w.genesis}},
		"accepted here before":                {pinOf(never), []Folder{never}, 10, "", []Folder{w.genesis, never}},
		"accepted, and proven to be younger":  {pinOf(late), []Folder{late}, 10, fault.RivalCovenants, []Folder{w.genesis, late}},
		"adopted by a person":                 {Pin{2, late.ID, true}, []Folder{late}, 10, "", []Folder{w.genesis, late}},
		"beside one by a key in use":          {Pin{}, []Folder{late, ours}, 10, "", []Folder{w.genesis, ours}},
		"beside it, and nothing dates it":     {Pin{}, []Folder{never, ours}, 10, fault.RivalCovenants, []Folder{w.genesis}},
		"beside it, and not dated revoked":    {Pin{}, []Folder{late, ours}, 0, fault.RivalCovenants, []Folder{w.genesis}},
		"beside one that was accepted here":   {pinOf(ours), []Folder{late, ours}, 0, "", []Folder{w.genesis, ours}},
		"a person said that the first stays":  {here, []Folder{never}, 0, "", []Folder{w.genesis}},
		"that, and then comes one that holds": {here, []Folder{late, ours}, 0, "", []Folder{w.genesis, ours}},
	} {
		t.Run(name, func(t *testing.T) {
			chain := Build(w.genesis, x.covenants, []Folder{revoke(x.revoked)}, x.pin, today)
			versions(t, chain, x.code, x.want...)
		})
	}
}

// Whom a covenant removed does not come back by revoking the keys that signed it.
func TestRemovedKeyUndoesNothing(t *testing.T) {
	t.Parallel()
	eve, ada := newKey(t), newKey(t)
	w := newWorld(t, people{"eve": {eve}, "ada": {ada}})
	dated := w.stamped(w.follows(w.genesis, 2, w.covenant(people{"ada": {ada}})), 10, ada)
	undated := w.follows(w.genesis, 2, w.covenant(people{"ada": {ada}}), ada)
	after := w.stamped(w.revokes(ada, "compromised", on(1)), 20, eve)
	without := w.revokes(ada, "compromised", on(1), eve)
	versions(t, Build(w.genesis, []Folder{dated}, []Folder{after}, Pin{}, today), "", w.genesis, dated)
	for _, r := range []Folder{after, without} {
		for _, v2 := range []Folder{dated, undated} {
			chain := Build(w.genesis, []Folder{v2}, []Folder{r}, pinOf(v2), today)
			versions(t, chain, "", w.genesis, v2)
			refused(t, chain.Judge(w.release("api", ada), today).Err, "")
			refused(t, chain.Judge(w.release("api", eve), today).Err, fault.UnknownSigner)
			if chain = Build(w.genesis, []Folder{v2}, []Folder{r}, Pin{}, today); chain.Err == nil && len(chain.Versions) != 2 {
				t.Error("the removed key is back")
			}
		}
	}
}
