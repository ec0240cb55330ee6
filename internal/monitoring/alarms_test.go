//go:build unix

package monitoring

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/besratest"
	"github.com/besra-ml/besra/internal/listen/listentest"
	"github.com/besra-ml/besra/internal/store/valkeytest"
)

// The alarms of a budget that burns as fast as it can.
var (
	unavailable = []string{"BesraAvailabilityBurn page 1h", "BesraAvailabilityBurn page 6h", "BesraAvailabilityBurn ticket 3d"}
	late        = []string{"BesraLatencyBurn page 1h", "BesraLatencyBurn page 6h", "BesraLatencyBurn ticket 3d"}
)

// TestAlarms breaks one service after another, all at once, while one Prometheus looks at them by the rules as they are, but
// for their durations (see faster). Each fault raises the alarms that are meant for it and no other, and they end with it.
func TestAlarms(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes two minutes")
	}
	t.Parallel()
	dir := copyPrometheusDir(t)
	fasterRules(t, dir)
	authority := listentest.NewAuthority(t, "test authority")
	prometheus := startPrometheus(t, dir, listentest.Write(t, t.TempDir(), "ca.pem", authority.PEM()), tick)
	var running sync.WaitGroup
	for name, fault := range map[string]func(*scene){
		"health":                        health,
		"store-down-and-refused":        storeDownAndRefused,
		"store-down-and-degraded":       storeDownAndDegraded,
		"store-slow":                    storeSlow,
		"store-full":                    storeFull,
		"models-that-are-not-right":     modelsNotRight,
		"more-than-can-be-done":         tooMuch,
		"disk-full":                     diskFull,
		"memory-short":                  memoryShort,
		"certificate-ends":              func(s *scene) { certificateEnds(s, authority) },
		"processes-end-and-start-again": processesEnd,
		"traffic-ends":                  trafficEnds,
		"payments-of-another-kind":      anotherKind,
	} {
		// All at once, however few processors there are: t.Parallel would have some wait for others, who only wait themselves.
		running.Go(func() {
			t.Run(name, func(t *testing.T) {
				s := &scene{t, prometheus, "besra-" + name, map[string]bool{}}
				fault(s)
				s.onlyMeant()
			})
		})
	}
	running.Wait()
}

func health(s *scene) {
	p := s.start()
	play(s.t, 10, func(n int) { p.Post("/v1/score", payment(n, 20)) })
	time.Sleep(6 * time.Hour / speed)
}

func storeDownAndRefused(s *scene) {
	proxy := valkeytest.NewProxy(s.t, valkeytest.Start(s.t).Addr())
	p := s.start(shared(s.t, proxy.Addr(), "--state-on-outage", "refuse", "--replay-on-outage", "closed")...)
	play(s.t, 20, func(n int) { p.Post("/v1/score", payment(n, 20)) })
	s.healthy()
	proxy.Refuse()
	s.raises(append(unavailable, "BesraStoreDown page")...)
	proxy.Pass()
	s.calms()
}

func storeDownAndDegraded(s *scene) {
	server := valkeytest.Start(s.t)
	p := s.start(shared(s.t, server.Addr())...)
	play(s.t, 20, func(n int) { p.Post("/v1/score", payment(n, 20)) })
	s.healthy()
	s.recorded("job_model_feature:besra_features_missing:ratio_rate30m", 20)
	server.Kill()
	s.raises("BesraStoreDown page", "BesraDegraded ticket", "BesraDegraded page", "BesraFeatureMissing ticket")
	server.Restart()
	s.raises("BesraStoreLostMemory ticket")
	s.calms()
}

func storeSlow(s *scene) {
	proxy := valkeytest.NewProxy(s.t, valkeytest.Start(s.t).Addr())
	p := s.start(shared(s.t, proxy.Addr(), "--slo-latency", "200ms")...)
	play(s.t, 20, func(n int) { p.Post("/v1/score", payment(n, 20)) })
	s.healthy()
	proxy.Delay(150 * time.Millisecond)
	s.raises(late...)
	proxy.Pass()
	s.calms()
}

// A server that evicts what it likes is no place for a memory, and it takes as many keys as it can hold to see that.
func storeFull(s *scene) {
	server := valkeytest.Start(s.t, valkeytest.Config("maxmemory 3mb", "maxmemory-policy allkeys-lru"))
	p := s.start(shared(s.t, server.Addr())...)
	var others dial
	others.set(1)
	play(s.t, 20, func(n int) {
		p.Post("/v1/score", payment(n, 20))
		if others.get() != 0 {
			server.Must("SET", fmt.Sprint("other", n), strings.Repeat("x", 10_000))
		}
	})
	s.meant["BesraStoreLostMemory ticket"] = true // what tells that it is the same memory may be among what it forgets
	s.raises("BesraStoreEvicts ticket")
	others.set(0)
	server.Must("CONFIG", "SET", "maxmemory", "0")
	s.calms()
}

func modelsNotRight(s *scene) {
	models := s.t.TempDir()
	copyBundle(s.t, models, 1)
	p := s.startBy(nil, models)
	play(s.t, 5, func(n int) { p.Post("/v1/score", payment(n, 20)) })
	s.healthy()
	unproven, broken := copyBundle(s.t, s.t.TempDir(), 2), copyBundle(s.t, s.t.TempDir(), 3)
	golden := filepath.Join(unproven, "golden", "margin.csv")
	text, err := os.ReadFile(golden)
	if err != nil {
		s.t.Fatal(err)
	}
	replace(s.t, unproven, "golden/margin.csv", strings.Replace(string(text), "\n-", "\n-1", 1))
	replace(s.t, broken, "model.ubj", "no model")
	for version, dir := range map[string]string{"2": unproven, "3": broken} {
		if err := os.Rename(dir, filepath.Join(models, "fraud", version)); err != nil {
			s.t.Fatal(err)
		}
	}
	s.raises("BesraModelUnproven ticket", "BesraModelRefused ticket")
	s.calms()
}

func tooMuch(s *scene) {
	proxy := valkeytest.NewProxy(s.t, valkeytest.Start(s.t).Addr())
	p := s.start(shared(s.t, proxy.Addr(), "--limits-concurrency", "4")...)
	play(s.t, 20, func(n int) { p.Post("/v1/score", payment(n, 20)) })
	s.healthy()
	proxy.Delay(200 * time.Millisecond)
	s.raises(append(unavailable, "BesraShedding ticket")...)
	proxy.Pass()
	s.calms()
}

// diskFull has files end at 64 KiB: a disk that is full again and again while much is written, as the journal then begins
// a new file.
func diskFull(s *scene) {
	p := s.startBy([]string{"sh", "-c", `ulimit -f 128 && exec "$0" "$@"`}, plainModel(s.t), "--state-dir", s.t.TempDir())
	play(s.t, 10, func(n int) { p.Post("/v1/score", fmt.Sprintf(`{"dry_run":true,%s}`, event(n, 20))) })
	s.healthy()
	flood := play(s.t, 300, func(n int) { p.Post("/v1/score", payment(n, 20)) })
	s.raises(append(unavailable, "BesraJournalFailing page")...)
	flood.stop()
	s.calms()
}

func memoryShort(s *scene) {
	p := s.start("--replay-bytes", "64KiB", "--replay-ttl", "10s", "--state-bytes", "256KiB")
	play(s.t, 10, func(n int) { p.Post("/v1/score", payment(n, 20)) })
	s.healthy()
	flood := play(s.t, 10, func(n int) {
		var items []string
		for i := range 100 {
			card := fmt.Sprintf("c_%d_%d", n, i)
			items = append(items, fmt.Sprintf(`{"event_id":"flood%d.%d",%s}`, n, i, strings.Replace(event(n, 20), "c_", card, 1)))
		}
		p.Post("/v1/score/batch", `{"events":[`+strings.Join(items, ",")+`]}`)
	})
	s.raises("BesraReplayHorizonShort ticket", "BesraHistoryShed ticket")
	flood.stop()
	s.calms()
}

func certificateEnds(s *scene, authority *listentest.Authority) {
	dir := s.t.TempDir()
	install := func(left time.Duration) {
		leaf := authority.Issue("besra", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(left) })
		listentest.Write(s.t, dir, "key.pem", leaf.KeyPEM)
		listentest.Write(s.t, dir, "cert.pem", leaf.CertPEM)
	}
	install(20 * 24 * time.Hour)
	p := s.run(nil, "--listen", "127.0.0.1:0", "--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem"))
	time.Sleep(2 * time.Second) // until its journal is up
	s.prometheus.scrapes(target{s.job, p.URL()})
	s.healthy()
	install(5 * 24 * time.Hour)
	s.raises("BesraCertificateExpiry ticket")
	install(24 * time.Hour)
	s.raises("BesraCertificateExpiry page")
	install(20 * 24 * time.Hour)
	s.calms()
}

// processesEnd has two processes end, and start again at the same addresses, which are those of proxies.
func processesEnd(s *scene) {
	here, there := valkeytest.NewProxy(s.t, ""), valkeytest.NewProxy(s.t, "")
	start := func(at *valkeytest.Proxy) *besratest.Process {
		p := s.serve(nil, plainModel(s.t))
		at.Target(strings.TrimPrefix(p.URL(), "http://"))
		return p
	}
	one, two := start(here), start(there)
	s.prometheus.scrapes(target{s.job, "http://" + here.Addr()}, target{s.job, "http://" + there.Addr()})
	s.healthy()
	one.Stop()
	s.raises("BesraInstanceDown ticket")
	two.Stop()
	s.raises("BesraDown page")
	one = start(here)
	start(there)
	s.calms()
	for range 3 {
		one.Stop()
		one = start(here)
		time.Sleep(4 * tick) // until Prometheus has seen it
	}
	s.raises("BesraRestarts ticket")
	s.calms()
}

func trafficEnds(s *scene) {
	p := s.start()
	payments := play(s.t, 10, func(n int) { p.Post("/v1/score", payment(n, 20)) })
	s.healthy()
	s.recorded("job:besra_requests:rate5m", 20)
	payments.stop()
	s.raises("BesraNoTraffic page")
	play(s.t, 10, func(n int) { p.Post("/v1/score", payment(n+1_000_000, 20)) })
	s.calms()
}

// anotherKind asks about a week of payments that the model has not seen, and then about the same with amounts four times as
// large.
func anotherKind(s *scene) {
	week := newWeek(s.t)
	p := s.startBy(nil, copyBundle(s.t, s.t.TempDir(), 1), "--drift-window", "1m")
	var times dial
	times.set(1)
	play(s.t, 2, func(int) { p.Post("/v1/score/batch", week.batch(100, times.get())) })
	s.until("there is a verdict", func() error { return s.prometheus.has(`besra_score_drift_psi{job="` + s.job + `"} >= 0`) })
	s.healthy()
	times.set(4)
	s.raises("BesraFeatureDrift ticket", "BesraFeatureDrift page", "BesraScoreDrift ticket", "BesraScoreDrift page")
	times.set(1)
	s.calms()
}

// shared are the flags of a process with a shared store, which waits for it.
func shared(t *testing.T, address string, flags ...string) []string {
	key := listentest.Write(t, t.TempDir(), "entity.key", []byte(strings.Repeat("5a", 32)+"\n"))
	return append([]string{"--valkey-address", address, "--valkey-deadline", "2s", "--state-entity-key-file", key}, flags...)
}

// plainModel is the demo's bundle without a reference: what scenes play is not what it was trained for.
func plainModel(t *testing.T) string {
	t.Helper()
	const reference = "reference.yaml"
	dir := copyBundle(t, t.TempDir(), 1)
	edit(t, filepath.Join(dir, "bundle.yaml"), "  "+digest(t, dir, reference)+"\n", "")
	if err := os.Remove(filepath.Join(dir, reference)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// digest is what a manifest says of a file.
func digest(t *testing.T, bundle, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(bundle, filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s: sha256:%x", file, sha256.Sum256(text))
}

// replace replaces a file of a bundle, and says so in the manifest.
func replace(t *testing.T, bundle, file, text string) {
	t.Helper()
	before := digest(t, bundle, file)
	if err := os.WriteFile(filepath.Join(bundle, filepath.FromSlash(file)), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(bundle, "bundle.yaml"), before, digest(t, bundle, file))
}
