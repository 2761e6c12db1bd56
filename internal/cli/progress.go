package cli

import (
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress counts work on standard error, once it takes longer than people
// like to wait in silence. Nothing is shown where no person looks.
type progress struct {
	container *mpb.Progress
	bar       *mpb.Bar
}

// progress begins to count. Call done at the end, whatever that is.
func (a *app) progress(what string) *progress {
	if !a.out.errTTY || a.out.structured() {
		return &progress{}
	}
	late := make(chan struct{})
	time.AfterFunc(a.env.ProgressAfter, func() { close(late) })
	c := mpb.New(mpb.WithOutput(a.out.err), mpb.WithRenderDelay(late), mpb.WithRefreshRate(100*time.Millisecond), mpb.WithAutoRefresh())
	bar := c.New(0, mpb.NopStyle(), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(what+" "), decor.CurrentNoUnit("%d"), decor.Elapsed(decor.ET_STYLE_GO, decor.WC{C: decor.DindentRight})))
	return &progress{container: c, bar: bar}
}

func (p *progress) add() { p.addMany(1) }

func (p *progress) addMany(n int) {
	if p.bar != nil {
		p.bar.IncrBy(n)
	}
}

// done ends the count; a second time it does nothing.
func (p *progress) done() {
	if p.bar != nil {
		p.bar.SetTotal(-1, true)
		p.container.Wait()
		p.bar = nil
	}
}
