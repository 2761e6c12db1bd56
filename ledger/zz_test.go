package ledger
import ("testing";"fmt";"sync";"time";"context";"sync/atomic";"os")
func TestZZ(t *testing.T){
	b, g := begun(t, "sha1")
	if os.Getenv("NOFS")!="" { b.env=append(b.env,"GIT_TEST_FSYNC=0") }
	var wg sync.WaitGroup
	var calls atomic.Int64
	t0:=time.Now()
	for w := range 8 {
		repo := b.open()
		wg.Go(func(){
			for i := range 50 {
				raw := release(t, g, fmt.Sprintf("2026-11-%02dT00:00:00Z", i%3+1), fmt.Sprintf("v%d.%d", w, i))
				_, err := Update(context.Background(), repo, DefaultRef, func(*Ledger) (*Change, error) { calls.Add(1); return changeOf(raw), nil })
				if err!=nil { t.Error(err) }
			}
		})
	}
	wg.Wait()
	fmt.Println(calls.Load(), time.Since(t0), b.git("","count-objects"))
}
